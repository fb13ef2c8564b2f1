// Delivery Logs: the filters, the chart and the live list, which loads more as it is scrolled.

import { listDestinations } from "./api.js";
import { DeliveryList } from "./delivery-list.js";
import { button, el, emptyState, fill, say } from "./dom.js";
import { apiQuery, filterForm, filterFrom, hashOf, isNarrowed, rangeOf, rememberLog } from "./filters.js";
import { plural } from "./format.js";
import { logChart } from "./log-chart.js";
import { poll } from "./poll.js";

const REFRESH_EVERY = 2000;
const REFRESH_CHART_EVERY = 10_000;
/** A page may be empty although more follow; after this many empty pages, the user decides whether to continue. */
const EMPTY_PAGES = 10;
/** Shortest time between announcements of new deliveries, so that a screen reader is not kept busy with them. */
const ANNOUNCE_EVERY = 15_000;

export async function showLog(root, { query, signal }) {
  const destinations = await listDestinations(signal);
  const names = new Map(destinations.map(({ id, name }) => [id, name]));
  const chart = logChart();
  const live = el("p", { class: "live muted small", "data-testid": "live" });
  const area = el("div", { class: "log-area" });
  let stopRun = () => {};

  const run = (filter) => {
    stopRun();
    rememberLog(filter);
    const ending = new AbortController();
    stopRun = () => ending.abort();
    showFiltered(area, live, chart, filter, names, ending.signal, () => run(filter));
  };
  signal.addEventListener("abort", () => stopRun());

  const filter = filterFrom(query);
  const form = filterForm(filter, destinations, (changed) => {
    // Replaces the URL without a new view: the form keeps its focus, and Back leaves the log at once.
    history.replaceState(null, "", hashOf(changed));
    run(changed);
  });
  fill(root, el("div", { class: "title-row" }, el("h1", {}, "Delivery Logs"), live), form, chart.element, area);
  run(filter);
}

/** Shows the log for one filter until `signal` is aborted. `restart` starts it again. */
async function showFiltered(area, live, chart, filter, names, signal, restart) {
  const range = rangeOf(filter);
  const list = new DeliveryList(apiQuery(filter, range), names, signal);
  // A named range moves with the clock; the list keeps its first range, because its cursors belong to it.
  const refreshChart = () => chart.refresh(filter, rangeOf(filter), signal);
  const foot = el("div", { class: "log-foot" });
  const place = el("div", {});
  const showList = () => {
    if (list.size > 0 && !list.element.isConnected) fill(place, list.element);
    if (list.size === 0 && !list.hasMore) fill(place, nothing(filter, names));
  };

  area.setAttribute("aria-busy", "true");
  refreshChart();
  const pager = endlessPager(list, foot, showList, signal);
  const loaded = await pager.load();
  if (signal.aborted) return;
  fill(area, place, foot);
  area.removeAttribute("aria-busy");
  if (!loaded) {
    fill(live, "Not live");
    return;
  }
  pager.watch();

  fill(live, "Live");
  live.classList.remove("stopped");
  let announcedAt = 0;
  let unannounced = 0;
  poll(REFRESH_EVERY, async () => {
    const added = await list.refresh();
    if (signal.aborted) return;
    if (added === null) {
      restart();
      return;
    }
    showList();
    unannounced += added;
    if (unannounced > 0 && Date.now() - announcedAt > ANNOUNCE_EVERY) {
      say(plural(unannounced, "new delivery", "new deliveries"));
      announcedAt = Date.now();
      unannounced = 0;
    }
  }, signal, (problem) => {
    fill(live, problem ? `Not live: ${problem.message}` : "Live");
    live.classList.toggle("stopped", problem !== null);
  });
  poll(REFRESH_CHART_EVERY, refreshChart, signal);
}

function nothing(filter, names) {
  if (names.size === 0) {
    return emptyState("No deliveries yet", "Add a destination first. Then every conversation that ends appears here.",
      el("a", { class: "button primary", href: "#/destinations/new" }, "Add destination"));
  }
  if (isNarrowed(filter)) {
    return emptyState("No delivery matches", "Choose a longer time or fewer filters. New matching deliveries appear here automatically.",
      el("a", { class: "button", href: "#/deliveries" }, "Clear filters"));
  }
  return emptyState("No deliveries in this time", "Choose a longer time, or send a test event to one of your destinations. It appears here automatically.",
    el("a", { class: "button", href: "#/destinations" }, "Destinations"));
}

/** Loads the next page when the end of the list becomes visible, or on a click of the button. */
function endlessPager(list, foot, showList, signal) {
  let loading = false;
  const more = button("Load more", () => load(), { "data-testid": "load-more" });
  const sight = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) load();
  }, { rootMargin: "600px" });
  signal.addEventListener("abort", () => sight.disconnect());

  const showFoot = (text) => {
    more.hidden = !list.hasMore;
    fill(foot, text && el("p", { class: "muted small", role: "status" }, text), more);
  };

  /** Returns whether it succeeded; a failure is shown in the foot, with a button to try again. */
  async function load() {
    if (loading) return true;
    loading = true;
    more.textContent = "Loading…";
    try {
      let added = 0;
      for (let pages = 0; added === 0 && (pages === 0 || list.hasMore) && pages < EMPTY_PAGES; pages += 1) added = await list.loadPage();
      more.textContent = "Load more";
      showList();
      showFoot(footText(added));
      // The observer fires only on a change; after a short page, the end is still visible.
      if (added > 0) watch();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      fill(foot, el("p", { class: "notice bad", role: "alert" }, error.message), more);
      more.hidden = false;
      more.textContent = "Try again";
      return false;
    } finally {
      loading = false;
    }
  }

  function footText(added) {
    if (list.hasMore) return added === 0 ? "Nothing found so far. Older deliveries have not been searched yet." : null;
    return list.size > 0 ? `${plural(list.size, "delivery", "deliveries")} in total.` : null;
  }

  function watch() {
    sight.unobserve(foot);
    if (list.hasMore && !signal.aborted) sight.observe(foot);
  }

  return { load, watch };
}
