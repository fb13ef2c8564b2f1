// The pages to add a destination and to edit one: its form, its signing secret and its deletion.

import { Problem, call } from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { confirmThat } from "./dialog.js";
import { destinationForm } from "./destination-form.js";
import { fullTime } from "./format.js";
import { hasMissed, healthLine, missedSince } from "./health.js";
import { destinationPath, toLogOf } from "./links.js";
import { openRecover } from "./recover.js";
import { rotateSecret, showSecret } from "./secret.js";

const toList = () => { location.hash = "#/destinations"; };

const backLink = () => el("p", { class: "back" }, el("a", { href: "#/destinations" }, "All destinations"));

export async function showNewDestination(root) {
  const form = destinationForm(null, async (fields) => {
    const created = await call("POST", "/v1/destinations", { body: fields });
    await showSecret(created, "Destination added");
    toList();
  });
  fill(root, backLink(), el("h1", {}, "Add destination"), form);
}

export async function showDestination(root, { id, signal }) {
  // The list is enough: an account has at most a hundred destinations.
  const { destinations } = await call("GET", "/v1/destinations", { signal });
  const destination = destinations.find((candidate) => candidate.id === id);
  if (!destination) throw new Problem(404, "not_found", "This destination does not exist. It may have been deleted.");
  const form = destinationForm(destination, async (changed) => {
    await call("PATCH", destinationPath(id), { body: changed });
    if (changed.status === "enabled" && hasMissed(destination)) await openRecover(destination, missedSince(destination));
    announce(`Saved ${changed.name ?? destination.name}.`);
    toList();
  });
  fill(root, backLink(),
    el("h1", {}, destination.name),
    el("p", { class: "muted" }, el("code", {}, id), " · created ", fullTime(destination.created_at), " · ",
      el("a", { href: toLogOf(id) }, "Delivery Logs")),
    healthLine(destination.health),
    form, secretPanel(destination), deletePanel(destination));
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
