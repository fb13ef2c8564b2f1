// Recovers the deliveries since a given time that ended without success: counts first, sends after confirmation.

import { call } from "./api.js";
import { button, el, fill } from "./dom.js";
import { faultLine, openDialog, whileBusy } from "./dialog.js";
import { field } from "./field-errors.js";
import { count, fullTime, localInputValue, plural } from "./format.js";
import { recoveryPath } from "./links.js";
import { pause } from "./poll.js";

const HOUR = 3600 * 1000;
const SINCE = [["Last hour", HOUR], ["Last 24 hours", 24 * HOUR], ["Last 7 days", 7 * 24 * HOUR]];
const CUSTOM = "custom";
const REFRESH_EVERY = 500;
const OVER = ["done", "stopped"];

/** With `missed`, a time, it begins with what was created since then. */
export function openRecover(destination, missed) {
  return openDialog(`Recover deliveries to ${destination.name}`, (close, signal) => {
    const fault = faultLine();
    const result = el("div", { "aria-live": "polite", "data-testid": "recover-result" });
    const choice = el("select", { "data-testid": "recover-since" },
      ...SINCE.map(([text, age]) => el("option", { value: age, selected: age === 24 * HOUR }, text)), el("option", { value: CUSTOM, selected: Boolean(missed) }, "A date and time…"));
    const moment = el("input", { type: "datetime-local", value: localInputValue(new Date(missed ?? Date.now() - HOUR)), "data-testid": "recover-moment" });
    const momentField = field("Since", moment, { name: "since", hint: "In your time zone." });
    momentField.hidden = !missed;
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
      await whileBusy(submit, fault, signal, async () => offer(since.toISOString(), await recover({ since: since.toISOString(), dry_run: true })));
    }

    /** Starts a recovery and resolves when it is over; calls `onProgress` with it meanwhile. */
    async function recover(body, onProgress = () => {}) {
      let recovery = await call("POST", "/v1/recoveries", { body: { destination_id: destination.id, ...body }, signal });
      while (!OVER.includes(recovery.state)) {
        onProgress(recovery);
        await pause(REFRESH_EVERY);
        recovery = await call("GET", recoveryPath(recovery.id), { signal });
      }
      return recovery;
    }

    function offer(since, { found }) {
      if (found === 0) {
        fill(result, el("p", { class: "notice" }, "Nothing to recover: no delivery ended without success since ", fullTime(since), "."));
        return;
      }
      const amount = plural(found, "delivery", "deliveries");
      fill(result, el("p", { class: "notice wait" }, el("strong", {}, amount), " ended without success since ", fullTime(since), " and would be sent again."));
      const send = button(`Send ${amount} again`, () => whileBusy(send, fault, signal, () => sendAll(since)), { class: "primary", "data-testid": "recover-confirm" });
      fill(next, send);
      send.focus();
    }

    async function sendAll(since) {
      // The time must not change during a recovery.
      choice.disabled = moment.disabled = true;
      const bar = el("progress", { "aria-label": "Progress of the recovery", "data-testid": "recover-progress" });
      const words = el("p", { class: "notice", "aria-live": "off" });
      try {
        const ended = await recover({ since }, (recovery) => {
          if (!bar.isConnected) {
            const stop = button("Stop", () => whileBusy(stop, fault, signal, () => call("DELETE", recoveryPath(recovery.id), { signal })), { "data-testid": "recover-stop" });
            fill(result, bar, words);
            fill(next, stop);
          }
          const { found, delivered, failed } = recovery;
          if (recovery.state !== "finding") {
            bar.max = found;
            bar.value = delivered + failed;
          }
          fill(words, `${count(delivered)} of ${plural(found, "delivery", "deliveries")} delivered`, failed > 0 && `, ${count(failed)} failed again`);
        });
        fill(result, outcome(ended));
        fill(next);
        closing.focus();
      } finally {
        choice.disabled = moment.disabled = false;
      }
    }

    return [form];
  }, { "data-testid": "recover-dialog" });
}

function outcome({ state, queued, delivered, failed }) {
  const amount = plural(queued, "delivery", "deliveries");
  if (state === "stopped") return el("p", { class: "notice wait" }, `Stopped: ${amount} sent again so far. Count again to send the rest.`);
  if (failed > 0) return el("p", { class: "notice bad" }, `${amount} sent again: ${count(delivered)} delivered, ${count(failed)} failed again. See the Delivery Logs.`);
  return el("p", { class: "notice good" }, `${amount} sent again and delivered.`);
}
