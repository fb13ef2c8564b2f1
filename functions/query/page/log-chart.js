// The chart above the log, with its content as text and as a table for screen readers.

import { call } from "./api.js";
import { attemptChart, bucketText } from "./chart.js";
import { el, fill } from "./dom.js";
import { isNarrowed } from "./filters.js";
import { count, percent, shortTime } from "./format.js";

const BUCKETS = 60;

export function logChart() {
  const figure = el("figure", { class: "panel log-chart", "data-testid": "chart" }, el("figcaption", {}, "Loading attempts…"));
  const refresh = async (filter, range, signal) => {
    const query = { destination_id: filter.destination, ...range, to: range.to ?? new Date().toISOString(), buckets: BUCKETS };
    try {
      show(figure, await call("GET", "/v1/stats", { query, signal }), filter);
    } catch (error) {
      if (error.name !== "AbortError") fill(figure, el("figcaption", {}, `The chart could not be loaded. ${error.message}`));
    }
  };
  return { element: figure, refresh };
}

function show(figure, stats, filter) {
  fill(figure, el("figcaption", {}, summary(stats), legend(), note(stats, filter)),
    attemptChart(stats.buckets, (bucket) => `${shortTime(bucket.start)}: ${bucketText(bucket)}`),
    el("p", { class: "chart-ends muted small", "aria-hidden": "true" }, el("span", {}, shortTime(stats.from)), el("span", {}, shortTime(stats.to))),
    table(stats.buckets));
}

function summary({ succeeded, failed }) {
  const attempts = succeeded + failed;
  if (attempts === 0) return el("span", { class: "summary" }, "No attempts in this period.");
  return el("span", { class: "summary" }, el("strong", {}, `${count(attempts)} attempts`), `: ${count(succeeded)} succeeded, ${count(failed)} failed (${percent(succeeded, attempts)} success).`);
}

function legend() {
  return el("span", { class: "legend muted small", "aria-hidden": "true" },
    el("span", { class: "key succeeded" }, "Succeeded, above the line"), el("span", { class: "key failed" }, "Failed, below"));
}

function note(stats, filter) {
  const notes = [];
  if (stats.sampled) notes.push("There are more deliveries than the chart can count; it shows the newest 10,000.");
  if (isNarrowed({ ...filter, destination: "" })) notes.push("The chart uses only the filters for destination and time.");
  return notes.length > 0 && el("span", { class: "muted small" }, notes.join(" "));
}

function table(buckets) {
  const busy = buckets.filter((bucket) => bucket.succeeded + bucket.failed > 0);
  return el("div", { class: "visually-hidden" }, el("table", {}, el("caption", {}, "Attempts over time; periods without attempts are omitted"),
    el("thead", {}, el("tr", {}, ...["From", "Succeeded", "Failed"].map((heading) => el("th", { scope: "col" }, heading)))),
    el("tbody", {}, ...busy.map((bucket) => el("tr", {}, el("th", { scope: "row" }, shortTime(bucket.start)), el("td", {}, count(bucket.succeeded)), el("td", {}, count(bucket.failed)))))));
}
