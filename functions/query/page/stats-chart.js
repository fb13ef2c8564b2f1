// The attempts and their latency over time: two charts, with their content as text and as a table for screen readers.

import { call } from "./api.js";
import { attemptChart, bucketText } from "./chart.js";
import { el, fill } from "./dom.js";
import { count, duration, percent, shortTime } from "./format.js";
import { latencyChart, latencyText } from "./latency-chart.js";

const BUCKETS = 60;

export function statsChart() {
  const figure = el("figure", { class: "panel stats-chart", "data-testid": "chart" }, el("figcaption", {}, "Loading attempts…"));
  /** `range` is `{from, to}`, without a `to` for now. */
  const refresh = async (destinationId, range, note, signal) => {
    const query = { destination_id: destinationId, ...range, to: range.to ?? new Date().toISOString(), buckets: BUCKETS };
    try {
      show(figure, await call("GET", "/v1/stats", { query, signal }), note);
    } catch (error) {
      if (error.name !== "AbortError") fill(figure, el("figcaption", {}, `The chart could not be loaded. ${error.message}`));
    }
  };
  return { element: figure, refresh };
}

function show(figure, stats, note) {
  const titleOf = (bucket) => [`${shortTime(bucket.start)}: ${bucketText(bucket)}`, latencyText(bucket)].filter(Boolean).join("; ");
  fill(figure, el("figcaption", {}, summary(stats), legend(), notes(stats, note)),
    attemptChart(stats.buckets, titleOf),
    stats.p50_ms !== null && latencyPart(stats, titleOf),
    el("p", { class: "chart-ends muted small", "aria-hidden": "true" }, el("span", {}, shortTime(stats.from)), el("span", {}, shortTime(stats.to))),
    table(stats.buckets));
}

function summary({ succeeded, failed }) {
  const attempts = succeeded + failed;
  if (attempts === 0) return el("span", { class: "summary" }, "No attempts in this period.");
  return el("span", { class: "summary" }, el("strong", {}, `${percent(succeeded, attempts)} of ${count(attempts)} attempts`), ` succeeded: ${count(succeeded)} succeeded, ${count(failed)} failed.`);
}

const legend = () => keys(["succeeded", "Succeeded, above the line"], ["failed", "Failed, below"]);

function keys(...entries) {
  return el("span", { class: "legend muted small", "aria-hidden": "true" }, ...entries.map(([name, text]) => el("span", { class: `key ${name}` }, text)));
}

function latencyPart(stats, titleOf) {
  return el("div", { class: "latency-part" },
    el("p", { class: "latency-caption", "data-testid": "latency" }, el("span", {}, el("strong", {}, "Latency"), ` p50 ${duration(stats.p50_ms)}, p95 ${duration(stats.p95_ms)}`), keys(["p95", "p95"], ["p50", "p50"])),
    latencyChart(stats.buckets, titleOf));
}

function notes(stats, note) {
  const sentences = [stats.sampled && "The chart counts only the newest 10,000 deliveries of this period.", note].filter(Boolean);
  return sentences.length > 0 && el("span", { class: "muted small" }, sentences.join(" "));
}

const HEADINGS = ["From", "Succeeded", "Failed", "Latency p50", "Latency p95"];

function table(buckets) {
  const busy = buckets.filter((bucket) => bucket.succeeded + bucket.failed > 0);
  const row = (bucket) => [count(bucket.succeeded), count(bucket.failed), duration(bucket.p50_ms), duration(bucket.p95_ms)];
  return el("div", { class: "visually-hidden" }, el("table", {}, el("caption", {}, "Attempts over time; periods without attempts are omitted"),
    el("thead", {}, el("tr", {}, ...HEADINGS.map((heading) => el("th", { scope: "col" }, heading)))),
    el("tbody", {}, ...busy.map((bucket) => el("tr", {}, el("th", { scope: "row" }, shortTime(bucket.start)), ...row(bucket).map((cell) => el("td", {}, cell)))))));
}
