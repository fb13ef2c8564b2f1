// The pages to add a destination and to edit one: its form, its signing secret and its deletion.

import { mayManage } from "./account.js";
import { Problem, call } from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { confirmThat } from "./dialog.js";
import { destinationFacts } from "./destination-facts.js";
import { destinationForm } from "./destination-form.js";
import { destinationOverview } from "./destination-overview.js";
import { fullTime } from "./format.js";
import { hasMissed, missedSince } from "./health.js";
import { destinationPath } from "./links.js";
import { openRecover } from "./recover.js";
import { rotateSecret, showSecret } from "./secret.js";
import { openTest } from "./test-event.js";

const toList = () => { location.hash = "#/destinations"; };

const backLink = () => el("p", { class: "back" }, el("a", { href: "#/destinations" }, "All destinations"));

export async function showNewDestination(root) {
  if (!mayManage()) throw new Problem(403, "forbidden", "You may see destinations, not add any.");
  const form = destinationForm(null, async (fields) => {
    const created = await call("POST", "/v1/destinations", { body: fields });
    await showSecret(created, "Destination added");
    toList();
  });
  fill(root, backLink(), el("h1", {}, "Add destination"), el("div", { class: "two-columns" }, form, expectations()));
}

/** What an endpoint gets, beside the form of a new one. */
function expectations() {
  return el("section", { class: "panel" }, el("h2", {}, "What your endpoint gets"),
    el("p", {}, "One request for each conversation that ends, with the fields ", el("code", {}, "event"), " and ", el("code", {}, "payload"), ", which is JSON: in the query string of a GET, otherwise as form data. With the format JSON, the payload is the body."),
    el("p", {}, "Answer with any 2xx within 10 seconds, then do the work. Anything else is retried: four attempts, 10 seconds apart; with extended retries, eleven over 45 hours."),
    el("p", {}, "Every request is signed according to Standard Webhooks. You get the secret when the destination is added."),
    el("p", {}, "The same event may arrive twice: detect duplicates by ", el("code", {}, "webhook-id"), "."),
    el("p", {}, el("a", { href: "/docs#Payload", target: "_blank" }, "The payload, field by field")));
}

export async function showDestination(root, { id, signal }) {
  // The list is enough: an account has at most a hundred destinations.
  const { destinations } = await call("GET", "/v1/destinations", { signal });
  const destination = destinations.find((candidate) => candidate.id === id);
  if (!destination) throw new Problem(404, "not_found", "This destination does not exist. It may have been deleted.");
  const form = mayManage() && destinationForm(destination, async (changed) => {
    await call("PATCH", destinationPath(id), { body: changed });
    const here = location.hash;
    if (changed.status === "enabled" && hasMissed(destination)) await openRecover(destination, missedSince(destination));
    announce(`Saved ${changed.name ?? destination.name}.`);
    // A recovery that was begun is another view.
    if (location.hash === here) toList();
  });
  fill(root, backLink(),
    el("div", { class: "title-row" }, el("h1", {}, destination.name),
      mayManage() && el("div", { class: "actions" },
        button("Send test", () => openTest(destination), { "data-testid": "test" }),
        button("Recover", () => openRecover(destination), { "data-testid": "recover" }))),
    el("p", { class: "muted" }, el("code", {}, id), " · created ", fullTime(destination.created_at)),
    el("div", { class: "two-columns" }, destinationOverview(destination, signal),
      el("div", { class: "settings" }, el("h2", {}, "Settings"), ...(form ? [form, secretPanel(destination), deletePanel(destination)] : [destinationFacts(destination)]))));
}

function secretPanel(destination) {
  const grace = el("p", { class: "muted" });
  const showGrace = (expires) => fill(grace, expires && ["Requests are also signed with the previous secret until ", fullTime(expires), "."]);
  showGrace(destination.previous_secret_expires_at);
  return el("section", { class: "panel" }, el("h2", {}, "Signing secret"),
    el("p", {}, "Every request is signed. The secret cannot be shown again; rotate it to get a new one."), grace,
    el("p", { class: "actions" }, button("Rotate secret", () => rotateSecret(destination, (rotated) => showGrace(rotated.previous_secret_expires_at)), { "data-testid": "rotate" })));
}

function deletePanel(destination) {
  const remove = async () => {
    const deleted = await confirmThat(`Delete ${destination.name}?`,
      "It receives no more events, and pending retries are cancelled. Its deliveries stay in the log. This cannot be undone; to pause it, disable it instead.",
      "Delete destination", () => call("DELETE", destinationPath(destination.id)));
    if (!deleted) return;
    announce(`Deleted ${destination.name}.`);
    toList();
  };
  return el("section", { class: "panel" }, el("h2", {}, "Delete destination"),
    el("p", {}, "Permanently stops delivery to this URL."),
    el("p", { class: "actions" }, button("Delete destination", remove, { class: "danger", "data-testid": "delete" })));
}
