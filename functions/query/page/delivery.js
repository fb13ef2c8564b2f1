// One delivery: its facts, every attempt, the exact payload and a button to resend it. Live until it has ended.

import { mayManage } from "./account.js";
import { Problem, call, findDelivery, listDestinations } from "./api.js";
import { copyButton } from "./copy.js";
import { curlCommand } from "./curl.js";
import { faultLine } from "./dialog.js";
import { button, el, fill, say } from "./dom.js";
import { lastLog } from "./filters.js";
import { fullTime } from "./format.js";
import { deliveryPath, toConversation, toDelivery, toDestination, toEvent } from "./links.js";
import { payloadViews } from "./payload.js";
import { pause, poll } from "./poll.js";
import { timeline } from "./timeline.js";
import { isOpen, resultText, statusBadge, triggerText } from "./words.js";

const REFRESH_EVERY = 1000;
const POLL_EVERY = 250;
const POLL_FOR = 15_000;

export async function showDelivery(root, { id, query, signal }) {
  // A resent delivery exists only from the start of its first attempt.
  const awaited = query.has("sent");
  if (awaited) fill(root, el("h1", {}, "Delivery"), el("p", { class: "waiting" }, "Waiting for the first attempt…"));
  const [destinations, first] = await Promise.all([listDestinations(signal), awaited ? awaitDelivery(id, signal) : findDelivery(id, signal)]);
  if (!first) throw missing(awaited);
  const names = new Map(destinations.map((destination) => [destination.id, destination.name]));

  let delivery = first;
  const facts = el("dl", { class: "facts-list panel" });
  const badgePlace = el("span", { "data-testid": "delivery-status" });
  const stale = faultLine();
  const attempts = timeline();
  const resend = resendPart(id);
  const payload = payloadPart(() => delivery);
  const show = () => {
    badgePlace.dataset.status = delivery.status;
    fill(badgePlace, statusBadge(delivery.status));
    fill(facts, ...factsOf(delivery, names));
    attempts.show(delivery);
    resend.show(delivery);
    payload.show();
  };
  show();
  fill(root, el("p", { class: "back" }, el("a", { href: lastLog() }, "Delivery Logs")),
    el("div", { class: "title-row" }, el("h1", {}, delivery.event), badgePlace, mayManage() && resend.element),
    awaited && el("p", { class: "notice good" }, "Sent again. This is the new delivery."),
    resend.note, stale.element, facts,
    el("section", { "aria-labelledby": "attempts-title" }, el("h2", { id: "attempts-title" }, "Timeline"), attempts.element),
    payload.element);

  poll(REFRESH_EVERY, async () => {
    if (!isOpen(delivery)) return;
    attempts.tick();
    const now = await findDelivery(id, signal);
    if (!now || JSON.stringify(now) === JSON.stringify(delivery)) return;
    const before = delivery;
    delivery = now;
    show();
    if (before.status !== now.status || before.attempts !== now.attempts) say(`Attempt ${now.attempts}: ${resultText(now)}. The delivery is ${now.status}.`);
  }, signal, (problem) => (problem ? stale.show(problem, signal) : stale.hide()));
}

async function awaitDelivery(id, signal) {
  const until = Date.now() + POLL_FOR;
  while (Date.now() < until) {
    const delivery = await findDelivery(id, signal);
    if (delivery) return delivery;
    await pause(POLL_EVERY);
  }
  return null;
}

function missing(awaited) {
  return new Problem(404, "not_found", awaited
    ? "The first attempt has not started yet. Try again in a moment."
    : "This delivery does not exist. It may have expired: the log keeps deliveries for a limited time.");
}

function factsOf(delivery, names) {
  const destination = names.get(delivery.destination_id);
  const conversation = delivery.conversation_id;
  const rows = [
    ["Destination", destination ? el("a", { href: toDestination(delivery.destination_id) }, destination) : `Deleted (${delivery.destination_id})`],
    conversation && ["Conversation", el("a", { class: "mono", href: toConversation(conversation) }, conversation)],
    ["Delivery id", el("code", {}, delivery.id)],
    ["Event id (webhook-id)", el("a", { class: "mono", href: toEvent(delivery.event_id) }, delivery.event_id)],
    ["Trigger", triggerText(delivery.trigger)],
    ["Created", fullTime(delivery.created_at)],
  ].filter(Boolean);
  return rows.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)));
}

function resendPart(id) {
  const fault = faultLine();
  const payload = el("select", { "aria-label": "Payload to resend", "data-testid": "resend-payload" },
    el("option", { value: "original" }, "As it was"), el("option", { value: "latest" }, "Latest record"));
  const resend = button("Resend", async () => {
    fault.hide();
    resend.disabled = true;
    try {
      const { delivery_id: newId } = await call("POST", `${deliveryPath(id)}/resend`, { body: { payload: payload.value } });
      location.hash = `${toDelivery(newId)}?sent=1`;
    } catch (error) {
      fault.show(error);
      resend.disabled = false;
    }
  }, { class: "primary", "data-testid": "resend" });
  const show = (delivery) => {
    resend.disabled = isOpen(delivery);
    payload.hidden = delivery.trigger === "test";
    resend.title = resend.disabled ? "Can be sent again once it has ended." : "Sends the same event in a new delivery.";
  };
  return { element: el("div", { class: "actions" }, payload, resend), note: fault.element, show };
}

/** The payload and the curl command; they appear with the first attempt and do not change afterwards. */
function payloadPart(delivery) {
  const element = el("section", { "aria-labelledby": "payload-title" });
  let shown = null;
  const show = () => {
    const { payload, attempt_log: log, event } = delivery();
    // An attempt that trimmed the payload for a GET sent another one, so no command can repeat it.
    const request = log.findLast((attempt) => attempt.request && !attempt.payload_trimmed)?.request ?? null;
    const now = JSON.stringify([payload, request !== null]);
    if (now === shown) return;
    shown = now;
    const title = el("h2", { id: "payload-title" }, "Payload");
    if (payload === null) {
      fill(element, title, el("p", { class: "muted" }, "There is no payload to show: nothing was sent, the event has expired, or the payload is too large for this page."));
      return;
    }
    const command = request && curlCommand(request, event, payload);
    fill(element,
      el("div", { class: "title-row" }, title, el("div", { class: "actions" },
        copyButton("Copy payload", () => payload, { "data-testid": "copy-payload" }),
        command && copyButton("Copy as curl", () => command, { "data-testid": "copy-curl" }))),
      el("div", { class: "panel" }, ...payloadViews(payload)),
      command && el("details", { class: "panel" }, el("summary", {}, "As a curl command"),
        el("p", { class: "muted small" }, "Replace REPLACE_ME with the hidden values."),
        el("pre", { tabindex: 0, role: "group", "aria-label": "curl command", "data-testid": "curl" }, command)));
  };
  return { element, show };
}
