// The rows of the log: appends pages at the end, inserts new deliveries at the top, updates rows in place.

import { call } from "./api.js";
import { COLUMNS, DeliveryRow } from "./delivery-row.js";
import { el } from "./dom.js";

const PAGE = 50;
/** Most pages of new deliveries that a refresh inserts; if there are more, the log is reloaded. */
const CATCH_UP_PAGES = 5;
/** Rows below the first page that may still change are requested individually, this many per refresh. */
const SINGLE_LOOKUPS = 5;

export class DeliveryList {
  #query;
  #names;
  #signal;
  #rows = new Map();
  #cursor = null;
  #lookedUp = 0;

  /** `query` is the filter as the API takes it; it is the same for every page, because cursors belong to it. */
  constructor(query, destinationNames, signal) {
    this.#query = query;
    this.#names = destinationNames;
    this.#signal = signal;
    this.element = el("table", { class: "cards log", role: "table", "aria-label": "Deliveries, newest first" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
        el("th", { role: "columnheader", scope: "col" }, el("span", { class: "visually-hidden" }, "Open")),
        ...COLUMNS.map((column) => el("th", { role: "columnheader", scope: "col" }, column)))));
  }

  get size() {
    return this.#rows.size;
  }

  get hasMore() {
    return this.#cursor !== null;
  }

  /** Appends the next page and returns the number of its deliveries, which may be 0 although more follow. */
  async loadPage() {
    const page = await this.#fetch(this.#cursor);
    this.#cursor = page.next_cursor;
    const rows = page.deliveries.filter(({ id }) => !this.#rows.has(id)).map((summary) => this.#add(summary));
    this.element.append(...rows.map((row) => row.element));
    return rows.length;
  }

  /** Adds new deliveries and updates known ones. Returns the number of new rows, or null if there are too many. */
  async refresh() {
    const { deliveries, caughtUp } = await this.#newest();
    if (!caughtUp) return null;
    const added = await this.#merge(deliveries);
    await this.#refreshOthers(new Set(deliveries.map(({ id }) => id)));
    return added;
  }

  /** The newest pages, up to one with a delivery that is already shown. */
  async #newest() {
    const deliveries = [];
    let cursor = null;
    for (let pages = 0; pages < CATCH_UP_PAGES; pages += 1) {
      const page = await this.#fetch(cursor);
      deliveries.push(...page.deliveries);
      cursor = page.next_cursor;
      // A page that is not full has nothing to catch up on: the API has searched as far as one request goes.
      if (page.deliveries.length < PAGE || page.deliveries.some(({ id }) => this.#rows.has(id))) return { deliveries, caughtUp: true };
    }
    return { deliveries, caughtUp: false };
  }

  async #merge(deliveries) {
    let previous = this.element.tHead;
    let added = 0;
    const updates = [];
    for (const summary of deliveries) {
      let row = this.#rows.get(summary.id);
      if (row) {
        updates.push(row.update(summary));
      } else {
        row = this.#add(summary);
        row.element.classList.add("new");
        previous.after(row.element);
        added += 1;
      }
      previous = row.element;
    }
    await Promise.all(updates);
    return added;
  }

  async #refreshOthers(seen) {
    const others = [...this.#rows.values()].filter((row) => row.mayChange && !seen.has(row.id));
    // Round-robin, so that each is requested eventually, however many there are.
    const turn = Array.from({ length: Math.min(SINGLE_LOOKUPS, others.length) }, (_, index) => others[(this.#lookedUp + index) % others.length]);
    this.#lookedUp += turn.length;
    await Promise.all(turn.map((row) => row.refresh()));
  }

  #add(summary) {
    const row = new DeliveryRow(summary, this.#names, this.#signal);
    this.#rows.set(summary.id, row);
    return row;
  }

  #fetch(cursor) {
    return call("GET", "/v1/deliveries", { query: { ...this.#query, limit: PAGE, cursor }, signal: this.#signal });
  }
}
