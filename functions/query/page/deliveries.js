// Delivery Logs: the filters, the chart and the live list, which loads more as it is scrolled.

import { mayManage } from "./account.js";
import { listDestinations } from "./api.js";
import { addDestinationCommand, command, testCommand } from "./command.js";
import { DELIVERIES, deliveryList } from "./delivery-row.js";
import { el, emptyState, fill } from "./dom.js";
import { apiQuery, filterForm, filterFrom, hashOf, isNarrowed, rangeOf, rememberLog } from "./filters.js";
import { liveLine, restartable, showLive } from "./live-log.js";
import { poll } from "./poll.js";
import { statsChart } from "./stats-chart.js";

const REFRESH_CHART_EVERY = 10_000;

export async function showLog(root, { query, signal }) {
  const destinations = await listDestinations(signal);
  const names = new Map(destinations.map(({ id, name }) => [id, name]));
  const chart = statsChart();
  const live = liveLine();
  const area = el("div", { class: "log-area" });

  const run = restartable((filter, ending, restart) => {
    rememberLog(filter);
    const list = deliveryList(apiQuery(filter, rangeOf(filter)), names, ending);
    // A named range moves with the clock; the list keeps its first range, because its cursors belong to it.
    const refreshChart = () => chart.refresh(filter.destination, rangeOf(filter), noteOf(filter), ending);
    refreshChart();
    poll(REFRESH_CHART_EVERY, refreshChart, ending);
    showLive({ area, live, list, nouns: DELIVERIES, empty: () => nothing(filter, destinations), restart, signal: ending });
  }, signal);

  const filter = filterFrom(query);
  const form = filterForm(filter, destinations, (changed) => {
    // Replaces the URL without a new view: the form keeps its focus, and Back leaves the log at once.
    history.replaceState(null, "", hashOf(changed));
    run(changed);
  });
  fill(root, el("div", { class: "title-row" }, el("h1", {}, "Delivery Logs"), live), form, chart.element, area);
  run(filter);
}

const noteOf = (filter) => isNarrowed({ ...filter, destination: "" }) && "The chart uses only the filters for destination and time.";

function nothing(filter, destinations) {
  if (destinations.length === 0 && mayManage()) {
    return emptyState("No deliveries yet", "Add a destination first. Then every conversation that ends appears here.",
      [el("a", { class: "button primary", href: "#/destinations/new" }, "Add destination")], command(addDestinationCommand()));
  }
  if (isNarrowed(filter)) {
    return emptyState("No delivery matches", "Choose a longer time or fewer filters. New matching deliveries appear here automatically.",
      [el("a", { class: "button", href: "#/deliveries" }, "Clear filters")]);
  }
  if (!mayManage()) return emptyState("No deliveries in this time", "Choose a longer time. New deliveries appear here automatically.");
  return emptyState("No deliveries in this time", "Choose a longer time, or send a test event to one of your destinations. It appears here automatically.",
    [el("a", { class: "button", href: "#/destinations" }, "Destinations")], command(testCommand(destinations[0].id)));
}
