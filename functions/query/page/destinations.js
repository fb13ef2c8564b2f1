// The list of destinations with their health, status switches and actions.

import { mayManage } from "./account.js";
import { call, listDestinations } from "./api.js";
import { addDestinationCommand, command } from "./command.js";
import { button, el, emptyState, fill, say } from "./dom.js";
import { hasMissed, healthLine, healthPanel, keepHealth, missedSince } from "./health.js";
import { destinationPath, toDestination, toLogOf } from "./links.js";
import { openRecover } from "./recover.js";
import { openTest } from "./test-event.js";
import { EVENTS, FORMATS, badge } from "./words.js";

/** Most destinations that an account can have. */
const MAX_DESTINATIONS = 100;

export async function showDestinations(root, { signal }) {
  const destinations = await listDestinations(signal);
  const add = el("a", { class: "button primary", href: "#/destinations/new", "data-testid": "add-destination" }, "Add destination");
  const title = el("div", { class: "title-row" }, el("h1", {}, "Destinations"), mayManage() && destinations.length < MAX_DESTINATIONS && add);
  if (destinations.length === 0) {
    fill(root, title, emptyState("No destinations yet",
      "A destination is your own HTTPS endpoint. Add one and send it a test event. Then every conversation that ends is delivered to it.",
      [], mayManage() && command(addDestinationCommand())));
    return;
  }
  const rows = destinations.map((destination) => destinationRow(destination, signal));
  fill(root, title, el("ul", { class: "destinations", "aria-label": "Destinations" }, ...rows.map((row) => row.element)));
  keepHealth(rows, signal);
}

function destinationRow(destination, signal) {
  const link = toDestination(destination.id);
  const health = healthPanel(destination);
  const fault = el("p", { class: "field-error", role: "alert", hidden: true });
  const state = el("div", {}, healthLine(destination.health));
  const element = el("li", { class: "panel destination", "data-testid": "destination", "data-destination-id": destination.id },
    el("div", { class: "destination-head" },
      el("h2", {}, el("a", { href: link }, destination.name)),
      el("p", { class: "url" }, badge("none", requestText(destination)), " ", el("code", {}, destination.url)),
      el("p", { class: "muted small" }, eventsText(destination), agentsText(destination)), state, fault),
    health.element,
    el("div", { class: "destination-side" }, mayManage() ? statusSwitch(destination, fault, state) : el("p", {}, destination.status === "enabled" ? "Enabled" : "Disabled"),
      el("div", { class: "actions" },
        mayManage() && button("Send test", () => openTest(destination).then(() => health.refresh(signal)), { "data-testid": "test", "aria-label": `Send test event to ${destination.name}` }),
        mayManage() && button("Recover", () => openRecover(destination).then(() => health.refresh(signal)), { "data-testid": "recover", "aria-label": `Recover deliveries to ${destination.name}` }),
        el("a", { class: "button", href: toLogOf(destination.id), "data-testid": "logs", "aria-label": `Delivery Logs of ${destination.name}` }, "Logs"),
        el("a", { class: "button", href: link, "data-testid": "edit", "aria-label": `${editText()} ${destination.name}` }, editText()))));
  return { element, refresh: health.refresh };
}

const editText = () => (mayManage() ? "Edit" : "Open");

function eventsText({ events }) {
  if (events.length === EVENTS.length && EVENTS.every((event) => events.includes(event))) return "All events";
  if (events.length === 0) return "No events: nothing is sent";
  return `Only ${events.map((event) => event.replace("conversation.", "")).join(", ")}`;
}

const requestText = ({ request_type: type, format }) => (format === "json" ? `${type} ${FORMATS.json}` : type);

function agentsText({ agent_ids: ids }) {
  if (ids.length === 0) return null;
  return ids.length === 1 ? " · only of one agent" : ` · only of ${ids.length} agents`;
}

function statusSwitch(destination, fault, state) {
  const input = el("input", { type: "checkbox", role: "switch", class: "switch", checked: destination.status === "enabled", "data-testid": "status-switch", "aria-label": `Deliver to ${destination.name}` });
  const text = el("span", {});
  const show = () => {
    input.checked = destination.status === "enabled";
    text.textContent = input.checked ? "Enabled" : "Disabled";
  };
  input.addEventListener("change", async () => {
    const status = input.checked ? "enabled" : "disabled";
    fault.hidden = true;
    // Not `disabled`, which would lose the focus.
    input.setAttribute("aria-busy", "true");
    try {
      const changed = await call("PATCH", destinationPath(destination.id), { body: { status } });
      const missed = changed.status === "enabled" && hasMissed(destination) && missedSince(destination);
      Object.assign(destination, { status: changed.status, health: changed.health });
      fill(state, healthLine(changed.health));
      say(`${destination.name} is ${changed.status}.`);
      if (missed) openRecover(destination, missed);
    } catch (error) {
      fault.textContent = `The status was not changed. ${error.message}`;
      fault.hidden = false;
    }
    input.removeAttribute("aria-busy");
    show();
  });
  show();
  return el("label", { class: "check" }, input, text);
}
