// Creates an API key, and shows it once.

import { ownScopes } from "./account.js";
import { call } from "./api.js";
import { button, el } from "./dom.js";
import { faultLine, openDialog, whileBusy } from "./dialog.js";
import { clearErrors, field, fieldset, throwUnlessShown } from "./field-errors.js";
import { showOnce } from "./show-once.js";

const DAY = 24 * 3600 * 1000;
const LIFETIMES = [["Never", ""], ["In 30 days", 30 * DAY], ["In 90 days", 90 * DAY], ["In a year", 365 * DAY]];
const LABELS = { name: "Name", scopes: "The scopes", expires_at: "The time" };
const MEANINGS = { manage: "manage: change destinations and keys, send again", read: "read: see everything", ingest: "ingest: report that conversations end" };

/** Resolves when the user closes the dialog; to whether a key was created. */
export async function createKey() {
  let created = null;
  await openDialog("Create API key", (close, signal) => {
    const name = el("input", { autocomplete: "off", "aria-required": "true", "data-testid": "key-name" });
    const scopes = ownScopes().map((scope) => el("input", { type: "checkbox", value: scope, checked: scope === "read", "data-testid": `scope-${scope}` }));
    const lifetime = el("select", { "data-testid": "key-expires" }, ...LIFETIMES.map(([text, value]) => el("option", { value }, text)));
    const fault = faultLine();
    const submit = el("button", { type: "submit", class: "primary", "data-testid": "confirm" }, "Create key");
    const form = el("form", { novalidate: true, onsubmit: create },
      field("Name", name, { name: "name", hint: "Of the program that uses it." }),
      fieldset("Scopes", "scopes", null, ...scopes.map((box) => el("label", { class: "check" }, box, MEANINGS[box.value] ?? box.value))),
      field("Expires", lifetime, { name: "expires_at" }), fault.element,
      el("p", { class: "actions end" }, button("Cancel", close), submit));

    async function create(event) {
      event.preventDefault();
      clearErrors(form);
      await whileBusy(submit, fault, signal, async () => {
        const expires = lifetime.value && { expires_at: new Date(Date.now() + Number(lifetime.value)).toISOString() };
        const body = { name: name.value.trim(), scopes: scopes.filter((box) => box.checked).map((box) => box.value), ...expires };
        try {
          created = await call("POST", "/v1/api-keys", { body });
          close();
        } catch (problem) {
          throwUnlessShown(problem, form, LABELS);
        }
      });
    }

    return [form];
  });
  if (!created) return false;
  await showOnce("API key created", [el("strong", {}, created.name), " sends this key in the header ", el("code", {}, "X-API-Key"), "."], "API key", created.api_key);
  return true;
}
