// Resends every delivery since a given time that ended without success: counts first, sends after confirmation.

import { call } from "./api.js";
import { button, el, fill } from "./dom.js";
import { faultLine, openDialog, whileBusy } from "./dialog.js";
import { field } from "./field-errors.js";
import { count, fullTime, localInputValue, plural } from "./format.js";
import { destinationPath } from "./links.js";

const HOUR = 3600 * 1000;
const SINCE = [["Last hour", HOUR], ["Last 24 hours", 24 * HOUR], ["Last 7 days", 7 * 24 * HOUR]];
const CUSTOM = "custom";

export function openRecover(destination) {
  const recover = (body, signal) => call("POST", `${destinationPath(destination.id)}/recover`, { body, signal });

  return openDialog(`Recover deliveries to ${destination.name}`, (close, signal) => {
    const fault = faultLine();
    const result = el("div", { "aria-live": "polite", "data-testid": "recover-result" });
    const choice = el("select", { "data-testid": "recover-since" },
      ...SINCE.map(([text, age]) => el("option", { value: age, selected: age === 24 * HOUR }, text)), el("option", { value: CUSTOM }, "A date and time…"));
    const moment = el("input", { type: "datetime-local", value: localInputValue(new Date(Date.now() - HOUR)), "data-testid": "recover-moment" });
    const momentField = field("Since", moment, { name: "since", hint: "In your time zone." });
    momentField.hidden = true;
    const submit = el("button", { type: "submit", class: "primary", "data-testid": "recover-count" }, "Count deliveries");
    // The button for the next step; empty once everything is sent.
    const next = el("span", {}, submit);
    const closing = button("Close", close, { "data-testid": "close" });
    const steps = el("p", { class: "actions end" }, closing, next);
    const form = el("form", { novalidate: true, onsubmit: countThem },
      el("p", {}, "Sends again every delivery that ended without success, for example after your endpoint was down. Nothing is sent before you confirm."),
      field("Created since", choice, { name: "choice" }), momentField, fault.element, result, steps);

    // Discards the count, which is for another time.
    form.addEventListener("change", () => {
      momentField.hidden = choice.value !== CUSTOM;
      fill(result);
      fill(next, submit);
    });

    async function countThem(event) {
      event.preventDefault();
      const since = choice.value === CUSTOM ? new Date(moment.value) : new Date(Date.now() - Number(choice.value));
      if (Number.isNaN(since.getTime())) {
        fault.show(new Error("Enter a date and a time."));
        return;
      }
      await whileBusy(submit, fault, signal, async () => offer(since.toISOString(), await recoverAll({ since: since.toISOString(), dry_run: true })));
    }

    /** Repeats the request until it is complete; calls `onProgress` with each subtotal. */
    async function recoverAll(body, onProgress = () => {}) {
      let sum = 0;
      let cursor;
      for (;;) {
        const part = await recover({ ...body, cursor }, signal);
        sum += part.deliveries;
        if (part.complete) return sum;
        cursor = part.next_cursor;
        onProgress(sum);
      }
    }

    function offer(since, deliveries) {
      if (deliveries === 0) {
        fill(result, el("p", { class: "notice" }, "Nothing to recover: no delivery ended without success since ", fullTime(since), "."));
        return;
      }
      const amount = plural(deliveries, "delivery", "deliveries");
      fill(result, el("p", { class: "notice wait" }, el("strong", {}, amount), " ended without success since ", fullTime(since), " and would be sent again."));
      const send = button(`Send ${amount} again`, () => whileBusy(send, fault, signal, () => sendAll(since)), { class: "primary", "data-testid": "recover-confirm" });
      fill(next, send);
      send.focus();
    }

    async function sendAll(since) {
      // The time must not change during a recovery.
      choice.disabled = moment.disabled = true;
      try {
        const sent = await recoverAll({ since }, (sum) => fill(result, el("p", { class: "notice" }, `${count(sum)} sent again so far…`)));
        fill(result, el("p", { class: "notice good" }, `${plural(sent, "delivery", "deliveries")} sent again. Watch them in the Delivery Logs.`));
        fill(next);
        closing.focus();
      } finally {
        choice.disabled = moment.disabled = false;
      }
    }

    return [form];
  }, { "data-testid": "recover-dialog" });
}
