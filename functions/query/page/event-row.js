// A row of the list of events: the event and what became of its deliveries.

import { el, fill } from "./dom.js";
import { time } from "./format.js";
import { toConversation, toEvent } from "./links.js";
import { STATUSES, badge } from "./words.js";

/** Makes rows for a table with these columns. */
export const eventRow = (columns) => (event) => {
  const result = el("span", { class: "cell", "data-testid": "event-result" });
  const cells = [
    el("a", { href: toEvent(event.id), "data-testid": "open" }, time(event.created_at), el("span", { class: "visually-hidden" }, ", open event")),
    event.event,
    event.conversation_id ? el("a", { class: "mono shorten", href: toConversation(event.conversation_id), title: event.conversation_id }, event.conversation_id) : "–",
    result,
  ];
  const element = el("tbody", { role: "rowgroup", "data-testid": "event", "data-event-id": event.id },
    el("tr", { role: "row" }, ...cells.map((content, index) => el("td", { role: "cell", "data-label": columns[index] }, content))));
  let shown = null;
  const update = async ({ deliveries }) => {
    const now = JSON.stringify(deliveries.map(({ status }) => status));
    if (now === shown) return;
    shown = now;
    fill(result, ...resultOf(deliveries));
  };
  update(event);
  // A row below the newest page is not requested again: its deliveries have ended but for those with extended retries.
  return { id: event.id, element, mayChange: false, update };
};

/** One badge for each status, with its number. */
function resultOf(deliveries) {
  if (deliveries.length === 0) return [el("span", { class: "muted" }, "No destination wanted it")];
  const counts = new Map();
  for (const { status } of deliveries) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, number]) => {
    const [tone, text, meaning] = STATUSES[status] ?? ["none", status, ""];
    return badge(tone, deliveries.length === 1 ? text : `${number} ${text.toLowerCase()}`, meaning);
  });
}
