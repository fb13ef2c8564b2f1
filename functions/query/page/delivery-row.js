// A delivery in the log: one row that is updated in place and opens to show its attempts.

import { findDelivery } from "./api.js";
import { attemptsTable } from "./attempts-table.js";
import { button, el, fill, uniqueId } from "./dom.js";
import { time } from "./format.js";
import { toDelivery, toDestination } from "./links.js";
import { LiveList } from "./live-list.js";
import { isOpen, resultText, statusBadge, triggerText } from "./words.js";

/** What a list of deliveries lists, one and many. */
export const DELIVERIES = ["delivery", "deliveries"];

const COLUMNS = ["Time", "Event", "Status", "Last result", "Attempts", "Destination", "Conversation"];

/** The live list of the deliveries for a query of the API; `names` maps destinations' ids to names. */
export function deliveryList(query, names, signal) {
  const opener = el("span", { class: "visually-hidden" }, "Open");
  return new LiveList({
    label: "Deliveries, newest first", columns: [opener, ...COLUMNS], path: "/v1/deliveries", query, items: "deliveries",
    rowOf: (summary) => new DeliveryRow(summary, names, signal), signal,
  });
}

class DeliveryRow {
  #summary;
  #signal;
  #changing = {};
  #toggle;
  #details;
  #attempts = el("div", {}, el("p", { class: "muted" }, "Loading attempts…"));
  #shownVersion = null;
  #shownLog = null;

  /** `destinationNames` maps ids to names; it does not contain deleted destinations. */
  constructor(summary, destinationNames, signal) {
    this.#signal = signal;
    const attemptsId = uniqueId("attempts");
    this.#toggle = button("", () => this.toggle(), { class: "toggle", "aria-expanded": "false", "aria-controls": attemptsId, "aria-label": `Attempts of ${summary.id}`, "data-testid": "toggle" });
    for (const part of ["status", "result", "attempts"]) this.#changing[part] = el("span", {});
    const destination = destinationNames.get(summary.destination_id);
    const cells = [
      [el("a", { href: toDelivery(summary.id), "data-testid": "open" }, time(summary.created_at), el("span", { class: "visually-hidden" }, ", open delivery"))],
      [el("span", {}, summary.event), summary.trigger !== "lifecycle" && el("span", { class: "tag" }, triggerText(summary.trigger))],
      [this.#changing.status],
      [this.#changing.result],
      [this.#changing.attempts],
      [destination ? el("a", { class: "shorten name", href: toDestination(summary.destination_id), title: destination }, destination) : el("span", { class: "muted" }, "Deleted destination")],
      [summary.conversation_id ? el("code", { class: "shorten", title: summary.conversation_id }, summary.conversation_id) : "–"],
    ];
    const row = el("tr", { role: "row", class: "delivery", onclick: (event) => this.#clicked(event) },
      el("td", { role: "cell", class: "toggle-cell" }, this.#toggle),
      ...cells.map((content, index) => el("td", { role: "cell", "data-label": COLUMNS[index] }, el("span", { class: "cell" }, ...content.filter(Boolean)))));
    const foot = el("p", { class: "opened-foot small" }, el("a", { href: toDelivery(summary.id) }, "Open delivery"), el("code", {}, summary.id));
    this.#details = el("tr", { role: "row", class: "opened", id: attemptsId, hidden: true }, el("td", { role: "cell", colspan: COLUMNS.length + 1 }, this.#attempts, foot));
    this.element = el("tbody", { role: "rowgroup", "data-testid": "delivery", "data-delivery-id": summary.id }, row, this.#details);
    this.#show(summary);
  }

  get mayChange() {
    return isOpen(this.#summary);
  }

  get id() {
    return this.#summary.id;
  }

  /** Shows the API's current summary; leaves unchanged elements alone. */
  async update(summary) {
    const isOther = ["updated_at", "delivered_later_by"].some((name) => summary[name] !== this.#summary[name]);
    if (isOther) this.#show(summary);
    await this.#showAttempts();
  }

  /** Requests this single delivery, which is not on the polled page. */
  async refresh() {
    const delivery = await findDelivery(this.id, this.#signal);
    if (delivery) await this.update(delivery);
  }

  async toggle() {
    const opened = this.#toggle.getAttribute("aria-expanded") !== "true";
    this.#toggle.setAttribute("aria-expanded", String(opened));
    this.#details.hidden = !opened;
    if (!opened) return;
    try {
      await this.#showAttempts();
    } catch (error) {
      if (this.#signal.aborted) return;
      fill(this.#attempts, el("p", { class: "field-error" }, `The attempts could not be loaded. ${error.message}`));
      this.#shownVersion = null;
      this.#shownLog = null;
    }
  }

  #clicked(event) {
    // Selecting text and following links must not open the row.
    if (event.target.closest("a, button") || !getSelection().isCollapsed) return;
    this.toggle();
  }

  #show(summary) {
    this.#summary = summary;
    this.element.dataset.status = summary.status;
    const later = summary.delivered_later_by;
    fill(this.#changing.status, statusBadge(summary.status), later && el("a", { class: "small", href: toDelivery(later), "data-testid": "delivered-later" }, " delivered later"));
    fill(this.#changing.result, resultText(summary));
    fill(this.#changing.attempts, String(summary.attempts));
    if (summary.error) this.#changing.result.title = summary.error;
    else this.#changing.result.removeAttribute("title");
  }

  /** An attempt in progress changes the attempt log but not the summary, so an open delivery is always requested. */
  async #showAttempts() {
    if (this.#toggle.getAttribute("aria-expanded") !== "true") return;
    if (this.#shownVersion === this.#summary.updated_at && !this.mayChange) return;
    const delivery = await findDelivery(this.id, this.#signal);
    if (!delivery) return;
    this.#shownVersion = this.#summary.updated_at;
    const log = JSON.stringify(delivery.attempt_log);
    if (log === this.#shownLog) return;
    this.#shownLog = log;
    fill(this.#attempts, attemptsTable(delivery.attempt_log));
  }
}
