// The health of a destination: its attempts in the last 24 hours.

import { call } from "./api.js";
import { attemptChart } from "./chart.js";
import { el, fill } from "./dom.js";
import { count, fullTime, percent, plural, timeAgo } from "./format.js";
import { poll } from "./poll.js";
import { latencyText } from "./latency-chart.js";
import { healthBadge, resultText } from "./words.js";

const DAY = 24 * 3600 * 1000;
/** One bar per hour. */
const BUCKETS = 24;
const REFRESH_EVERY = 30_000;
/** Most requests at once: a page can show a hundred destinations. */
const MAX_CONCURRENT = 4;

export function healthPanel(destination) {
  const element = el("div", { class: "health", "data-testid": "health" }, el("p", { class: "muted small" }, "Loading health…"));
  const refresh = async (signal) => {
    const now = Date.now();
    const query = { destination_id: destination.id, from: new Date(now - DAY).toISOString(), to: new Date(now).toISOString(), buckets: BUCKETS };
    try {
      show(element, await call("GET", "/v1/stats", { query, signal }));
    } catch (error) {
      if (error.name !== "AbortError") fill(element, el("p", { class: "muted small" }, `Health is unknown. ${error.message}`));
    }
  };
  return { element, refresh };
}

/** The state of a destination, since when, and why it was disabled. */
export function healthLine({ state, since, reason, last_success_at: success, last_failure_at: failure }) {
  if (state === "healthy" && !success && !failure) return el("p", { class: "small", "data-testid": "health-state" }, healthBadge("untried"));
  return el("p", { class: "small", "data-testid": "health-state" }, healthBadge(state), " since ", fullTime(since), reason && `. ${reason}`);
}

/** Whether a destination that is being enabled was disabled for its failures, so that it has missed what it wants. */
export const hasMissed = ({ health }) => health.state === "disabled" && Boolean(health.reason);

/** What a recovery of it begins with. */
export const missedSince = ({ health }) => health.last_success_at ?? health.since;

/** Loads the health of all rows and refreshes it until `signal` is aborted. */
export function keepHealth(rows, signal) {
  const refreshAll = async () => {
    const waiting = [...rows];
    const worker = async () => {
      while (waiting.length > 0 && !signal.aborted) await waiting.shift().refresh(signal);
    };
    await Promise.all(Array.from({ length: MAX_CONCURRENT }, worker));
  };
  refreshAll();
  poll(REFRESH_EVERY, refreshAll, signal);
}

function show(element, stats) {
  const attempts = stats.succeeded + stats.failed;
  if (attempts === 0) {
    fill(element, el("p", { class: "rate muted" }, "–"), el("p", { class: "muted small" }, "No attempts in the last 24 hours."));
    return;
  }
  // If there are more deliveries than the statistics count, only the newest are counted.
  const of = stats.sampled ? `the newest ${count(attempts)}` : plural(attempts, "attempt");
  fill(element,
    el("p", { class: "rate" }, percent(stats.succeeded, attempts), el("span", { class: "muted small" }, ` of ${of}, 24 h`)),
    attemptChart(stats.buckets),
    el("p", { class: "muted small", "data-testid": "health-latency" }, latencyText(stats)),
    stats.last && el("p", { class: "small" }, el("span", { class: stats.last.outcome === "success" ? "good-text" : "bad-text" }, resultText(stats.last)),
      el("span", { class: "muted" }, " last, ", timeAgo(stats.last.at))));
}
