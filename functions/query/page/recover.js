// Begins a recovery of what ended without success since a given time: counts first, sends after confirmation.

import { call } from "./api.js";
import { button, el, fill } from "./dom.js";
import { faultLine, openDialog, whileBusy } from "./dialog.js";
import { field } from "./field-errors.js";
import { fullTime, localInputValue, plural } from "./format.js";
import { recoveryPath, toRecovery } from "./links.js";
import { pause } from "./poll.js";
import { isOver } from "./recovery.js";

const HOUR = 3600 * 1000;
const SINCE = [["Last hour", HOUR], ["Last 24 hours", 24 * HOUR], ["Last 7 days", 7 * 24 * HOUR]];
const CUSTOM = "custom";
const REFRESH_EVERY = 500;

/** With `missed`, a time, it begins with what was created since then. A recovery that was begun has its own view. */
export function openRecover(destination, missed) {
  return openDialog(`Recover deliveries to ${destination.name}`, (close, signal) => {
    const fault = faultLine();
    const result = el("div", { "aria-live": "polite", "data-testid": "recover-count-result" });
    const choice = el("select", { "data-testid": "recover-since" },
      ...SINCE.map(([text, age]) => el("option", { value: age, selected: age === 24 * HOUR }, text)), el("option", { value: CUSTOM, selected: Boolean(missed) }, "A date and time…"));
    const moment = el("input", { type: "datetime-local", value: localInputValue(new Date(missed ?? Date.now() - HOUR)), "data-testid": "recover-moment" });
    const momentField = field("Since", moment, { name: "since", hint: "In your time zone." });
    momentField.hidden = !missed;
    const submit = el("button", { type: "submit", class: "primary", "data-testid": "recover-count" }, "Count deliveries");
    // The button for the next step.
    const next = el("span", {}, submit);
    const form = el("form", { novalidate: true, onsubmit: countThem },
      el("p", {}, "Sends again every delivery that ended without success, for example after your endpoint was down. Nothing is sent before you confirm."),
      field("Created since", choice, { name: "choice" }), momentField, fault.element, result,
      el("p", { class: "actions end" }, button("Close", close, { "data-testid": "close" }), next));

    // Discards the count, which is for another time.
    form.addEventListener("change", () => {
      momentField.hidden = choice.value !== CUSTOM;
      fill(result);
      fill(next, submit);
    });

    const begin = (body) => call("POST", "/v1/recoveries", { body: { destination_id: destination.id, ...body }, signal });

    async function countThem(event) {
      event.preventDefault();
      const since = choice.value === CUSTOM ? new Date(moment.value) : new Date(Date.now() - Number(choice.value));
      if (Number.isNaN(since.getTime())) {
        fault.show(new Error("Enter a date and a time."));
        return;
      }
      await whileBusy(submit, fault, signal, async () => {
        let counted = await begin({ since: since.toISOString(), dry_run: true });
        while (!isOver(counted)) {
          await pause(REFRESH_EVERY);
          counted = await call("GET", recoveryPath(counted.id), { signal });
        }
        offer(since.toISOString(), counted.found);
      });
    }

    function offer(since, found) {
      if (found === 0) {
        fill(result, el("p", { class: "notice" }, "Nothing to recover: no delivery ended without success since ", fullTime(since), "."));
        return;
      }
      const amount = plural(found, "delivery", "deliveries");
      fill(result, el("p", { class: "notice wait" }, el("strong", {}, amount), " ended without success since ", fullTime(since), " and would be sent again."));
      const send = button(`Send ${amount} again`, () => whileBusy(send, fault, signal, async () => {
        const { id } = await begin({ since });
        // Closes this dialog.
        location.hash = toRecovery(id);
      }), { class: "primary", "data-testid": "recover-confirm" });
      fill(next, send);
      send.focus();
    }

    return [form];
  }, { "data-testid": "recover-dialog" });
}
