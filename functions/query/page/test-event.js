// Sends a test event and shows its result.

import { Problem, call, findDelivery } from "./api.js";
import { attemptBody, attemptFacts } from "./attempt.js";
import { button, el, fill } from "./dom.js";
import { faultLine, openDialog, whileBusy } from "./dialog.js";
import { field } from "./field-errors.js";
import { time } from "./format.js";
import { destinationPath, toDelivery } from "./links.js";
import { pause } from "./poll.js";
import { EVENTS } from "./words.js";

const POLL_EVERY = 250;
const POLL_FOR = 15_000;

export function openTest(destination) {
  return openDialog(`Send test event to ${destination.name}`, (close, signal) => {
    const event = el("select", { "data-testid": "test-event" }, ...EVENTS.map((name) => el("option", {}, name)));
    const fault = faultLine();
    const result = el("div", { "aria-live": "polite", "data-testid": "test-result", class: "test-result" });
    const submit = el("button", { type: "submit", class: "primary", "data-testid": "send-test" }, "Send test event");
    const form = el("form", { onsubmit: send },
      el("p", {}, "Sends a made-up conversation, marked ", el("code", {}, "is_test_call: true"), ", to ", el("code", {}, destination.url), "."),
      destination.status === "disabled" && el("p", { class: "notice wait" }, "This destination is disabled. Enable it to send a test event."),
      field("Event", event, { name: "event" }), fault.element, result,
      el("p", { class: "actions end" }, button("Close", close, { "data-testid": "close" }), submit));

    async function send(submission) {
      submission.preventDefault();
      await whileBusy(submit, fault, signal, async () => {
        fill(result, el("p", { class: "waiting" }, "Waiting for the destination’s response…"));
        try {
          const { delivery_id: id } = await call("POST", `${destinationPath(destination.id)}/test`, { body: { event: event.value }, signal });
          show(result, await firstAttempt(id, signal), id);
        } catch (error) {
          fill(result);
          throw error;
        }
        submit.textContent = "Send another";
      });
    }

    return [form];
  }, { class: "wide", "data-testid": "test-dialog" });
}

/** The first attempt of a new delivery, once it has ended. */
async function firstAttempt(id, signal) {
  const until = Date.now() + POLL_FOR;
  while (Date.now() < until) {
    const attempt = (await findDelivery(id, signal))?.attempt_log[0];
    if (attempt && attempt.outcome !== null) return attempt;
    await pause(POLL_EVERY);
    signal.throwIfAborted();
  }
  throw new Problem(0, "waiting", "The destination has not responded yet. Check the Delivery Logs in a moment.");
}

function show(result, attempt, id) {
  const worked = attempt.outcome === "success";
  fill(result,
    el("h3", { class: worked ? "good-text" : "bad-text" }, worked ? "Delivered" : "The first attempt failed"),
    el("p", { class: "facts" }, ...attemptFacts(attempt), attempt.next_attempt_at && el("span", { class: "muted" }, "next attempt ", time(attempt.next_attempt_at))),
    attemptBody(attempt),
    el("p", {}, el("a", { href: toDelivery(id), "data-testid": "open-delivery" }, "Open this delivery")));
}
