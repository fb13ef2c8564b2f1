// The list of events, with what became of each, live.

import { mayManage } from "./account.js";
import { listDestinations } from "./api.js";
import { addDestinationCommand, command, hangUpCommand } from "./command.js";
import { el, emptyState, fill } from "./dom.js";
import { eventRow } from "./event-row.js";
import { field } from "./field-errors.js";
import { RANGES, rangeOf } from "./filters.js";
import { LiveList } from "./live-list.js";
import { liveLine, restartable, showLive } from "./live-log.js";
import { EVENTS, NOTICES } from "./words.js";

const COLUMNS = ["Time", "Event", "Conversation", "Deliveries"];
const DEFAULT_RANGE = "7d";

export async function showEvents(root, { query, signal }) {
  const destinations = await listDestinations(signal);
  const live = liveLine();
  const area = el("div", { class: "log-area" });
  const run = restartable(({ event, range }, ending, restart) => {
    const list = new LiveList({ label: "Events, newest first", columns: COLUMNS, path: "/v1/events", query: { event, ...rangeOf({ range }) }, items: "events", rowOf: eventRow(COLUMNS), signal: ending });
    showLive({ area, live, list, nouns: ["event", "events"], empty: () => nothing(event, destinations), restart, signal: ending });
  }, signal);

  const filter = { event: query.get("event") ?? "", range: query.get("range") in RANGES ? query.get("range") : DEFAULT_RANGE };
  const select = (name, options) => el("select", { name, "data-testid": `filter-${name}` }, ...options.map(([value, text]) => el("option", { value, selected: value === filter[name] }, text)));
  const form = el("form", { class: "filters", role: "search", "aria-label": "Filter events", onsubmit: (event) => event.preventDefault() },
    field("Event", select("event", [["", "All"], ...[...EVENTS, ...NOTICES].map((name) => [name, name])])),
    field("Time", select("range", Object.entries(RANGES).map(([name, [text]]) => [name, text]))));
  form.addEventListener("change", () => {
    const changed = Object.fromEntries(new FormData(form));
    history.replaceState(null, "", `#/events?${new URLSearchParams(changed)}`);
    run(changed);
  });
  fill(root, el("div", { class: "title-row" }, el("h1", {}, "Events"), live), form, area);
  run(filter);
}

function nothing(event, destinations) {
  if (event) return emptyState("No event matches", "Choose a longer time or all events.", [el("a", { class: "button", href: "#/events" }, "All events")]);
  if (!mayManage()) return emptyState("No events in this time", "An event appears when a conversation ends.");
  if (destinations.length === 0) {
    return emptyState("No events yet", "Add a destination. Then end a conversation: its event appears here.",
      [el("a", { class: "button primary", href: "#/destinations/new" }, "Add destination")], command(addDestinationCommand()));
  }
  return emptyState("No events in this time", "An event appears when a conversation ends. End one as your platform would:", [], command(hangUpCommand()));
}
