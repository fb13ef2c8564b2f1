// The latest deliveries to a destination, as a short table that refreshes itself.

import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { time } from "./format.js";
import { toDelivery } from "./links.js";
import { poll } from "./poll.js";
import { resultText, statusBadge } from "./words.js";

const SHOWN = 10;
const REFRESH_EVERY = 5000;
const COLUMNS = ["Time", "Event", "Status", "Last result", "Attempts"];

/** `empty()` returns what is shown if there are none. */
export function latestDeliveries(destinationId, empty, signal) {
  const element = el("div", { "data-testid": "latest-deliveries" }, el("p", { class: "muted" }, "Loading deliveries…"));
  let shown = null;
  const refresh = async () => {
    const { deliveries } = await call("GET", "/v1/deliveries", { query: { destination_id: destinationId, limit: SHOWN }, signal });
    const now = JSON.stringify(deliveries);
    if (now === shown) return;
    shown = now;
    // The links are new ones; the focus stays at the one of the same delivery.
    const focused = element.contains(document.activeElement) && document.activeElement.getAttribute("href");
    fill(element, deliveries.length === 0 ? empty() : table(deliveries));
    if (focused) element.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  };
  const showProblem = (error) => {
    if (error && shown === null) fill(element, el("p", { class: "muted" }, `The deliveries could not be loaded. ${error.message}`));
  };
  refresh().catch((error) => {
    if (!signal.aborted) showProblem(error);
  });
  poll(REFRESH_EVERY, refresh, signal, showProblem);
  return element;
}

function table(deliveries) {
  return el("table", { class: "cards latest", role: "table", "aria-label": "Latest deliveries" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((column) => el("th", { role: "columnheader", scope: "col" }, column)))),
    el("tbody", { role: "rowgroup" }, ...deliveries.map(row)));
}

function row(delivery) {
  const cells = [
    el("a", { href: toDelivery(delivery.id), "data-testid": "open" }, time(delivery.created_at), el("span", { class: "visually-hidden" }, ", open delivery")),
    delivery.event, statusBadge(delivery.status), resultText(delivery), String(delivery.attempts),
  ];
  return el("tr", { role: "row", "data-testid": "delivery", "data-status": delivery.status }, ...cells.map((content, index) => el("td", { role: "cell", "data-label": COLUMNS[index] }, content)));
}
