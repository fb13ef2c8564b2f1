// The account's API keys: a list, with buttons to create one and to revoke each.

import { mayManage } from "./account.js";
import { call } from "./api.js";
import { announce, button, el, emptyState, fill } from "./dom.js";
import { confirmThat } from "./dialog.js";
import { day, fullTime } from "./format.js";
import { keyPath } from "./links.js";
import { createKey } from "./new-key.js";
import { badge } from "./words.js";

const COLUMNS = ["Name", "Key", "Scopes", "State", "Created", "Last used", "Expires"];

/** `?key=` marks the row of one key. */
export async function showKeys(root, { query, signal }) {
  const area = el("div", {});
  const marked = query.get("key");
  const load = async () => {
    const { api_keys: keys } = await call("GET", "/v1/api-keys", { signal });
    fill(area, keys.length === 0 ? emptyState("No keys yet", "A program of yours needs a key to use the API.") : table(keys, marked, load));
  };
  await load();
  fill(root, el("div", { class: "title-row" }, el("h1", {}, "API keys"),
    mayManage() && button("Create key", async () => {
      if (await createKey()) await load();
    }, { class: "primary", "data-testid": "create-key" })),
  el("p", { class: "muted" }, "Programs send a key in the header ", el("code", {}, "X-API-Key"), ". ", el("a", { href: "/docs", target: "_blank" }, "What they can do with it")), area);
  area.querySelector("[aria-current]")?.scrollIntoView({ block: "center" });
}

function table(keys, marked, reload) {
  const columns = mayManage() ? [...COLUMNS, "Revoke"] : COLUMNS;
  const heading = (column) => el("th", { role: "columnheader", scope: "col" }, column === "Revoke" ? el("span", { class: "visually-hidden" }, column) : column);
  return el("table", { class: "cards log", role: "table", "aria-label": "API keys" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...columns.map(heading))),
    el("tbody", { role: "rowgroup" }, ...keys.map((key) => row(key, columns, marked, reload))));
}

function row(key, columns, marked, reload) {
  const state = stateOf(key);
  const cells = [
    el("span", { class: "shorten name", title: key.name }, key.name), el("code", {}, key.key_id), key.scopes.join(", "), el("span", { "data-testid": "key-state" }, state), fullTime(key.created_at),
    key.last_used_at ? day(key.last_used_at) : "Never", key.expires_at ? fullTime(key.expires_at) : "Never",
    columns.length > COLUMNS.length && !key.revoked_at && button("Revoke", () => revoke(key, reload), { class: "danger", "aria-label": `Revoke ${key.name}`, "data-testid": "revoke" }),
  ];
  return el("tr", { role: "row", "data-testid": "key", "data-key-id": key.key_id, "aria-current": key.key_id === marked && "true" },
    ...columns.map((column, index) => el("td", { role: "cell", "data-label": column }, cells[index])));
}

function stateOf({ revoked_at: revoked, expires_at: expires }) {
  if (revoked) return badge("none", "Revoked");
  return expires && new Date(expires) <= new Date() ? badge("none", "Expired") : badge("good", "Active");
}

async function revoke(key, reload) {
  const revoked = await confirmThat(`Revoke ${key.name}?`, "Programs that use this key are refused at once. This cannot be undone.",
    "Revoke key", () => call("DELETE", keyPath(key.key_id)));
  if (!revoked) return;
  announce(`Revoked ${key.name}.`);
  await reload();
  // Its button is gone, and the focus with it.
  document.querySelector("#view h1").focus();
}
