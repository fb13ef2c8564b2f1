// How well the last 24 hours went for a destination.

import { call } from "./api.js";
import { attemptChart } from "./chart.js";
import { el, fill } from "./dom.js";
import { count, percent, plural, timeAgo } from "./format.js";
import { poll } from "./poll.js";
import { resultText } from "./words.js";

const DAY = 24 * 3600 * 1000;
/** One bar for each hour. */
const BUCKETS = 24;
const REFRESH_EVERY = 30_000;
/** A page of a hundred destinations shall not ask a hundred questions at once. */
const AT_ONCE = 4;

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

/** Loads the health of all rows and keeps it fresh until `signal`. */
export function keepHealth(rows, signal) {
  const refreshAll = async () => {
    const waiting = [...rows];
    const worker = async () => {
      while (waiting.length > 0 && !signal.aborted) await waiting.shift().refresh(signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
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
  // With more deliveries than the statistics count, the newest are counted.
  const of = stats.complete ? plural(attempts, "attempt") : `the newest ${count(attempts)}`;
  fill(element,
    el("p", { class: "rate" }, percent(stats.succeeded, attempts), el("span", { class: "muted small" }, ` of ${of}, 24 h`)),
    attemptChart(stats.buckets),
    stats.last && el("p", { class: "small" }, el("span", { class: stats.last.outcome === "success" ? "good-text" : "bad-text" }, resultText(stats.last)),
      el("span", { class: "muted" }, " last, ", timeAgo(stats.last.at))));
}
