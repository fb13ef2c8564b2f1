// How a destination fares: its health, its attempts over time and its latest deliveries, live.

import { mayManage } from "./account.js";
import { command, testCommand } from "./command.js";
import { el, emptyState } from "./dom.js";
import { field } from "./field-errors.js";
import { RANGES, rangeOf } from "./filters.js";
import { healthLine } from "./health.js";
import { latestDeliveries } from "./latest-deliveries.js";
import { toLogOf } from "./links.js";
import { restartable } from "./live-log.js";
import { poll } from "./poll.js";
import { statsChart } from "./stats-chart.js";

const REFRESH_CHART_EVERY = 10_000;
const DEFAULT_RANGE = "24h";

export function destinationOverview(destination, signal) {
  const chart = statsChart();
  const range = el("select", { "data-testid": "chart-range" }, ...Object.entries(RANGES).map(([value, [text]]) => el("option", { value, selected: value === DEFAULT_RANGE }, text)));
  const run = restartable((value, ending) => {
    const refresh = () => chart.refresh(destination.id, rangeOf({ range: value }), null, ending);
    refresh();
    poll(REFRESH_CHART_EVERY, refresh, ending);
  }, signal);
  range.addEventListener("change", () => run(range.value));
  run(DEFAULT_RANGE);

  const empty = () => (mayManage()
    ? emptyState("Nothing delivered yet", "Send a test event with the button above, or as a command:", [], command(testCommand(destination.id)))
    : emptyState("Nothing delivered yet", "What is delivered appears here automatically."));
  return el("section", { class: "overview", "aria-labelledby": "overview-title" },
    el("div", { class: "title-row" }, el("h2", { id: "overview-title" }, "Health"), healthLine(destination.health)),
    el("div", { class: "chart-range" }, field("Attempts in", range)), chart.element,
    el("div", { class: "title-row" }, el("h2", {}, "Latest deliveries"), el("a", { href: toLogOf(destination.id) }, "Delivery Logs")),
    latestDeliveries(destination.id, empty, signal));
}
