// The rows of the log: pages appended at the end, news put in at the top, changes made in place.

import { call } from "./api.js";
import { COLUMNS, DeliveryRow } from "./delivery-row.js";
import { el } from "./dom.js";

const PAGE = 50;
/** So many pages of news are caught up on; after a longer absence the log starts anew. */
const CATCH_UP_PAGES = 5;
/** Rows below the first page that may still change are asked for one by one, so many at a time. */
const SINGLE_LOOKUPS = 5;

export class DeliveryList {
  #query;
  #names;
  #signal;
  #rows = new Map();
  #cursor = null;
  #lookedUp = 0;

  /** `query` is the filter as the API takes it; it stays the same for all pages, because cursors belong to it. */
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

  /** Appends the next page and answers how many deliveries it had, which may be none although more follow. */
  async loadPage() {
    const page = await this.#fetch(this.#cursor);
    this.#cursor = page.next_cursor;
    const rows = page.deliveries.filter(({ id }) => !this.#rows.has(id)).map((summary) => this.#add(summary));
    this.element.append(...rows.map((row) => row.element));
    return rows.length;
  }

  /** Brings in what happened since. Answers the number of new rows, or null if there are too many to put in. */
  async refresh() {
    const { deliveries, caughtUp } = await this.#news();
    if (!caughtUp) return null;
    const added = await this.#merge(deliveries);
    await this.#refreshOthers(new Set(deliveries.map(({ id }) => id)));
    return added;
  }

  /** The newest pages, down to one with a delivery that is already on screen. */
  async #news() {
    const deliveries = [];
    let cursor = null;
    for (let pages = 0; pages < CATCH_UP_PAGES; pages += 1) {
      const page = await this.#fetch(cursor);
      deliveries.push(...page.deliveries);
      cursor = page.next_cursor;
      // A page that is not full is no burst: the API looked through all it looks through at once.
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
    // In turns, so that each is asked for some time however many there are.
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
