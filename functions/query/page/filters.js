// The filter of the log in its three representations: the form, the URL's hash and the API's query.

import { el } from "./dom.js";
import { field } from "./field-errors.js";
import { localInputValue } from "./format.js";
import { EVENTS, NOTICES, STATUSES, STATUS_GROUPS, TRIGGERS } from "./words.js";

const HOUR = 3600 * 1000;
export const RANGES = { "1h": ["Last hour", HOUR], "24h": ["Last 24 hours", 24 * HOUR], "7d": ["Last 7 days", 7 * 24 * HOUR], "30d": ["Last 30 days", 30 * 24 * HOUR] };
const DEFAULT_RANGE = "24h";
const CUSTOM = "custom";
const NAMES = ["destination", "event", "status", "trigger", "http", "id", "range", "from", "to"];
const NARROWING = ["destination", "event", "status", "trigger", "http", "id"];

/** Reads a filter from the hash's parameters. Passes unknown values on: the API explains what is wrong with them. */
export function filterFrom(params) {
  const filter = Object.fromEntries(NAMES.map((name) => [name, params.get(name) ?? ""]));
  if (filter.from || filter.to) filter.range = CUSTOM;
  else if (!(filter.range in RANGES)) filter.range = DEFAULT_RANGE;
  return filter;
}

export function hashOf(filter) {
  const given = NAMES.filter((name) => filter[name] && !(name === "range" && [DEFAULT_RANGE, CUSTOM].includes(filter.range)));
  const params = new URLSearchParams(given.map((name) => [name, filter[name]]));
  return given.length === 0 ? "#/deliveries" : `#/deliveries?${params}`;
}

let lastHash = "#/deliveries";

/** The link back from a delivery's page: the log with its latest filter. */
export const lastLog = () => lastHash;
export const rememberLog = (filter) => { lastHash = hashOf(filter); };

export const isNarrowed = (filter) => NARROWING.some((name) => filter[name]);

/** `{from, to}` as the API takes them; a named range ends now, so it has no `to`. */
export function rangeOf(filter) {
  if (filter.range !== CUSTOM) return { from: new Date(Date.now() - RANGES[filter.range][1]).toISOString() };
  // The chart needs a start even if only an end was given.
  const end = filter.to ? new Date(filter.to) : new Date();
  return { from: filter.from || new Date(end - RANGES[DEFAULT_RANGE][1]).toISOString(), to: filter.to || undefined };
}

export function apiQuery(filter, range) {
  // Ids of events begin like this, and those of conversations are the platform's own.
  const id = filter.id.startsWith("evt_") ? { event_id: filter.id } : { conversation_id: filter.id };
  const [, status] = STATUS_GROUPS[filter.status] ?? [null, { status: filter.status }];
  return { destination_id: filter.destination, event: filter.event, trigger: filter.trigger, http_status: filter.http, ...status, ...id, ...range };
}

/** The form; calls `onChange(filter)` on every change. */
export function filterForm(filter, destinations, onChange) {
  const select = (name, options) => el("select", { name, "data-testid": `filter-${name}` },
    ...options.map(([value, text]) => el("option", { value, selected: value === filter[name] }, text)));
  const moment = (name) => el("input", { type: "datetime-local", name, "data-testid": `filter-${name}`, value: filter[name] ? localInputValue(new Date(filter[name])) : "" });
  const custom = el("div", { class: "filter-pair", hidden: filter.range !== CUSTOM }, field("From", moment("from")), field("To", moment("to")));
  const input = (name, more) => el("input", { name, class: "mono", value: filter[name], autocomplete: "off", spellcheck: "false", "data-testid": `filter-${name}`, ...more });
  const statuses = [...Object.entries(STATUS_GROUPS).map(([name, [text]]) => [name, text]), ...Object.entries(STATUSES).map(([status, [, text]]) => [status, text])];
  const named = Object.entries(RANGES).map(([name, [text]]) => [name, text]);

  const form = el("form", { class: "filters", role: "search", "aria-label": "Filter deliveries", "data-testid": "filters" },
    field("Destination", select("destination", [["", "All"], ...knownOr(destinations.map(({ id, name }) => [id, name]), filter.destination)])),
    field("Event", select("event", [["", "All"], ...knownOr([...EVENTS, ...NOTICES].map((event) => [event, event]), filter.event)])),
    field("Status", select("status", [["", "All"], ...knownOr(statuses, filter.status)])),
    field("Time", select("range", [...named, [CUSTOM, "From – to…"]])),
    field("Conversation or event id", input("id", { type: "search" })),
    field("Trigger", select("trigger", [["", "All"], ...knownOr(Object.entries(TRIGGERS), filter.trigger)])),
    field("Last HTTP status", input("http", { inputmode: "numeric", placeholder: "500" })), custom);

  const read = () => {
    const given = Object.fromEntries(new FormData(form));
    const instant = (value) => (given.range === CUSTOM && value ? new Date(value).toISOString() : "");
    return { ...given, from: instant(given.from), to: instant(given.to), id: given.id.trim(), http: given.http.trim() };
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onChange(read());
  });
  form.addEventListener("change", () => {
    custom.hidden = form.elements.range.value !== CUSTOM;
    onChange(read());
  });
  return form;
}

/** Keeps a value from the URL that is no longer an option, such as a deleted destination. */
function knownOr(options, value) {
  return value === "" || options.some(([known]) => known === value) ? options : [...options, [value, value]];
}
