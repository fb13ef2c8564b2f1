// A table of what the API lists, newest first: appends pages at the end, inserts new rows at the top, updates rows in place.

import { call } from "./api.js";
import { el } from "./dom.js";

const PAGE = 50;
/** Most pages of new rows that a refresh inserts; if there are more, the list is reloaded. */
const CATCH_UP_PAGES = 5;
/** Rows below the first page that may still change are requested individually, this many per refresh. */
const SINGLE_LOOKUPS = 5;

export class LiveList {
  #path;
  #query;
  #items;
  #rowOf;
  #signal;
  #rows = new Map();
  #cursor = null;
  #lookedUp = 0;

  /**
   * `query` is the filter as the API takes it; it is the same for every page, because cursors belong to it.
   * `items` is the name of the page's items, and `rowOf(item)` returns a row with `id`, `element`, `mayChange`,
   * `update(item)` and `refresh()`.
   */
  constructor({ label, columns, path, query, items, rowOf, signal }) {
    this.#path = path;
    this.#query = query;
    this.#items = items;
    this.#rowOf = rowOf;
    this.#signal = signal;
    this.element = el("table", { class: "cards log", role: "table", "aria-label": label },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...columns.map((column) => el("th", { role: "columnheader", scope: "col" }, column)))));
  }

  get size() {
    return this.#rows.size;
  }

  get hasMore() {
    return this.#cursor !== null;
  }

  /** Appends the next page and returns the number of its new rows, which may be 0 although more follow. */
  async loadPage() {
    const page = await this.#fetch(this.#cursor);
    this.#cursor = page.next_cursor;
    const rows = page[this.#items].filter(({ id }) => !this.#rows.has(id)).map((item) => this.#add(item));
    this.element.append(...rows.map((row) => row.element));
    return rows.length;
  }

  /** Adds new items and updates known ones. Returns the number of new rows, or null if there are too many. */
  async refresh() {
    const { items, caughtUp } = await this.#newest();
    if (!caughtUp) return null;
    const added = await this.#merge(items);
    await this.#refreshOthers(new Set(items.map(({ id }) => id)));
    return added;
  }

  /** The newest pages, up to one with an item that is already shown. */
  async #newest() {
    const items = [];
    let cursor = null;
    for (let pages = 0; pages < CATCH_UP_PAGES; pages += 1) {
      const page = await this.#fetch(cursor);
      const found = page[this.#items];
      items.push(...found);
      cursor = page.next_cursor;
      // A page that is not full has nothing to catch up on: the API has searched as far as one request goes.
      if (found.length < PAGE || found.some(({ id }) => this.#rows.has(id))) return { items, caughtUp: true };
    }
    return { items, caughtUp: false };
  }

  async #merge(items) {
    let previous = this.element.tHead;
    let added = 0;
    const updates = [];
    for (const item of items) {
      let row = this.#rows.get(item.id);
      if (row) {
        updates.push(row.update(item));
      } else {
        row = this.#add(item);
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

  #add(item) {
    const row = this.#rowOf(item);
    this.#rows.set(item.id, row);
    return row;
  }

  #fetch(cursor) {
    return call("GET", this.#path, { query: { ...this.#query, limit: PAGE, cursor }, signal: this.#signal });
  }
}
