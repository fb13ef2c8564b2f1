// One recovery: what it sends again, its progress, and a button that stops it. Live until it is over.

import { mayManage } from "./account.js";
import { call, findOrTell, listDestinations } from "./api.js";
import { faultLine, whileBusy } from "./dialog.js";
import { button, el, fill, say } from "./dom.js";
import { count, fullTime, plural } from "./format.js";
import { recoveryPath, toDestination } from "./links.js";
import { poll } from "./poll.js";
import { badge } from "./words.js";

const MISSING = "This recovery does not exist. It may have expired.";

const REFRESH_EVERY = 500;

/** Each state with its badge's tone, its text and its meaning. */
const STATES = {
  finding: ["wait", "Finding", "Looks for deliveries."],
  sending: ["wait", "Sending", "Sends the deliveries again."],
  waiting: ["wait", "Waiting", "Everything was sent; some deliveries have not ended."],
  done: ["good", "Done", "All deliveries have ended."],
  stopped: ["none", "Stopped", "Sends nothing more."],
};

export const isOver = ({ state }) => state === "done" || state === "stopped";

export async function showRecovery(root, { id, signal }) {
  const [destinations, first] = await Promise.all([listDestinations(signal), findOrTell(MISSING, recoveryPath(id), signal)]);
  const destination = destinations.find((candidate) => candidate.id === first.destination_id);
  const fault = faultLine();
  const state = el("span", { "data-testid": "recovery-state" });
  const bar = el("progress", { "aria-label": "Progress of the recovery", "data-testid": "recover-progress" });
  const words = el("p", { "data-testid": "recover-result" });
  const facts = el("dl", { class: "facts-list" });
  const stop = button("Stop", () => whileBusy(stop, fault, signal, () => call("DELETE", recoveryPath(id), { signal })), { "data-testid": "recover-stop" });
  const show = (recovery) => {
    state.dataset.state = recovery.state;
    fill(state, badge(...STATES[recovery.state] ?? ["none", recovery.state]));
    stop.hidden = isOver(recovery) || !mayManage();
    // Until everything is found, the bar has no end.
    if (recovery.state !== "finding") {
      bar.max = Math.max(1, recovery.found);
      bar.value = recovery.found === 0 && recovery.state === "done" ? 1 : recovery.delivered + recovery.failed;
    }
    const [tone, text] = outcome(recovery);
    words.className = `notice ${tone}`;
    fill(words, text);
    fill(facts, ...factsOf(recovery, destination).map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
  };

  let recovery = first;
  show(recovery);
  const back = destination ? el("a", { href: toDestination(destination.id) }, destination.name) : el("a", { href: "#/destinations" }, "All destinations");
  fill(root, el("p", { class: "back" }, back),
    el("div", { class: "title-row" }, el("h1", {}, "Recovery"), state, stop), fault.element,
    el("div", { class: "panel" }, bar, words, facts),
    el("p", {}, el("a", { href: logOf(recovery) }, "Show its deliveries in the Delivery Logs")));

  poll(REFRESH_EVERY, async () => {
    if (isOver(recovery)) return;
    recovery = await call("GET", recoveryPath(id), { signal });
    show(recovery);
    fault.hide();
    if (isOver(recovery)) say(outcome(recovery)[1]);
  }, signal, (problem) => problem && fault.show(problem, signal));
}

/** The tone and the text of its result so far. */
function outcome({ state, found, queued, delivered, failed, dry_run: isDryRun }) {
  const amount = plural(queued, "delivery", "deliveries");
  if (isDryRun) return ["", `A count only: ${plural(found, "delivery", "deliveries")} would be sent again.`];
  if (state === "stopped") return ["wait", `Stopped: ${amount} sent again so far. Recover again to send the rest.`];
  if (state !== "done") return ["", `${count(delivered)} of ${plural(found, "delivery", "deliveries")} delivered${failed > 0 ? `, ${count(failed)} failed again` : ""}.`];
  if (found === 0) return ["", "Nothing to recover: no delivery ended without success in this time."];
  if (failed > 0) return ["bad", `${amount} sent again: ${count(delivered)} delivered, ${count(failed)} failed again.`];
  return ["good", `${amount} sent again and delivered.`];
}

function factsOf(recovery, destination) {
  const { destination_id: id, since, until, per_second: rate, found, queued, delivered, failed } = recovery;
  return [
    ["Found", count(found)], ["Sent again", count(queued)], ["Delivered", count(delivered)], ["Failed again", count(failed)],
    ["Destination", destination ? destination.name : id ? `Deleted (${id})` : "All"],
    ["Created from", fullTime(since)], ["to", fullTime(until)], ["At most", `${rate} a second`],
    ["Recovery id", el("code", {}, recovery.id)], ["Started", fullTime(recovery.created_at)],
  ];
}

/** What a recovery sends is a resend, made since it began. */
function logOf({ destination_id: id, created_at: from }) {
  return `#/deliveries?${new URLSearchParams({ ...(id && { destination: id }), trigger: "resend", from })}`;
}
