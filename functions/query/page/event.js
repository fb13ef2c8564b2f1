// One event: its facts, all its deliveries, the payload, and a button that sends it again.

import { mayManage } from "./account.js";
import { call, findOrTell, listDestinations } from "./api.js";
import { copyButton } from "./copy.js";
import { DELIVERIES, deliveryList } from "./delivery-row.js";
import { faultLine, whileBusy } from "./dialog.js";
import { button, el, emptyState, fill } from "./dom.js";
import { fullTime, plural } from "./format.js";
import { eventPath, toConversation } from "./links.js";
import { liveLine, restartable, showLive } from "./live-log.js";
import { payloadViews } from "./payload.js";

const MISSING = "This event does not exist. It may have expired: the log keeps events for a limited time.";

export async function showEvent(root, { id, signal }) {
  const [destinations, event] = await Promise.all([listDestinations(signal), findOrTell(MISSING, eventPath(id), signal)]);
  const names = new Map(destinations.map((destination) => [destination.id, destination.name]));
  const live = liveLine();
  const area = el("div", {});
  const run = restartable((query, ending, restart) => {
    const empty = () => emptyState("No deliveries", mayManage() ? "No destination wanted this event. It can be sent to any of them." : "No destination wanted this event.");
    showLive({ area, live, list: deliveryList(query, names, ending), nouns: DELIVERIES, empty, restart, signal: ending });
  }, signal);
  const send = sendPart(id, destinations);
  const conversation = event.conversation_id;
  const facts = [
    ["Event id (webhook-id)", el("code", {}, id)],
    conversation && ["Conversation", el("a", { class: "mono", href: toConversation(conversation) }, conversation)],
    ["Accepted", fullTime(event.created_at)],
  ].filter(Boolean);
  fill(root, el("p", { class: "back" }, el("a", { href: "#/events" }, "Events")),
    el("div", { class: "title-row" }, el("h1", {}, event.event), mayManage() && send.element), send.note,
    el("dl", { class: "facts-list panel" }, ...facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)))),
    el("section", { "aria-labelledby": "deliveries-title" }, el("div", { class: "title-row" }, el("h2", { id: "deliveries-title" }, "Deliveries"), live), area),
    payloadPart(event.payload));
  run({ event_id: id });
}

/** Sends the event to one destination or to all that want it; the new deliveries appear in the list. */
function sendPart(id, destinations) {
  const fault = faultLine();
  const sent = el("p", { class: "notice good", role: "status", hidden: true, "data-testid": "sent" });
  const to = el("select", { "aria-label": "Send to", "data-testid": "send-to" },
    el("option", { value: "" }, "To every destination that wants it"), ...destinations.map((destination) => el("option", { value: destination.id }, `To ${destination.name}`)));
  const send = button("Send again", () => whileBusy(send, fault, undefined, async () => {
    sent.hidden = true;
    const { deliveries } = await call("POST", `${eventPath(id)}/send`, { body: to.value ? { destination_id: to.value } : {} });
    sent.textContent = deliveries.length === 0 ? "Nothing was sent: no enabled destination wants this event, or its next attempt is soon." : `${plural(deliveries.length, ...DELIVERIES)} on the way. The list shows each from the end of its first attempt.`;
    sent.hidden = false;
  }), { class: "primary", "data-testid": "send-event" });
  return { element: el("div", { class: "actions" }, to, send), note: el("div", {}, fault.element, sent) };
}

function payloadPart(payload) {
  const title = el("h2", { id: "payload-title" }, "Payload");
  if (payload === null) return el("section", {}, title, el("p", { class: "muted" }, "The payload is too large for this page."));
  return el("section", { "aria-labelledby": "payload-title" },
    el("div", { class: "title-row" }, title, copyButton("Copy payload", () => payload, { "data-testid": "copy-payload" })),
    el("div", { class: "panel" }, ...payloadViews(payload)));
}
