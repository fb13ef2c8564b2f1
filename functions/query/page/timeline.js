// The timeline of a delivery: its creation, each attempt with the wait before it, and what comes next.

import { attemptBody, attemptFacts } from "./attempt.js";
import { NO_ATTEMPT } from "./attempts-table.js";
import { el, fill } from "./dom.js";
import { time, waited } from "./format.js";
import { toDelivery } from "./links.js";
import { STATUSES, isOpen } from "./words.js";

/** Entries are updated in place: an attempt that the user has opened stays open. */
export function timeline() {
  const begun = el("li", { class: "moment" });
  const end = el("li", { class: "moment", "data-testid": "timeline-end" });
  const element = el("ol", { class: "timeline", "data-testid": "timeline" }, begun, end);
  const shown = new Map();
  let delivery;

  const show = (now) => {
    delivery = now;
    fill(begun, time(delivery.created_at), " Delivery created");
    // The newest starts open; later ones are added closed, so that nothing moves.
    const isFirstShow = shown.size === 0;
    const attempts = delivery.attempt_log;
    attempts.forEach((attempt, index) => {
      const text = JSON.stringify(attempt);
      const known = shown.get(attempt.number);
      if (known?.text === text) return;
      const details = known?.details ?? el("details", { class: "panel attempt", "data-testid": "attempt", "data-attempt": attempt.number, open: isFirstShow && index === attempts.length - 1 }, el("summary"), el("div"));
      details.dataset.outcome = attempt.outcome ?? "";
      fill(details.children[0], el("strong", {}, `Attempt ${attempt.number}`), ...attemptFacts(attempt));
      fill(details.children[1], attemptBody(attempt));
      if (!known) end.before(el("li", {}, el("p", { class: "pause muted small" }, waitBefore(attempt, attempts[index - 1], delivery)), details));
      shown.set(attempt.number, { text, details });
    });
    tick();
  };

  /** Brings the time to the next attempt up to date. */
  const tick = () => {
    const content = ending(delivery);
    if (content.map((part) => part.textContent ?? part).join("") !== end.textContent) fill(end, ...content);
  };
  return { element, show, tick };
}

/** An attempt's wait, from the end of the one before it. */
function waitBefore(attempt, before, delivery) {
  const start = new Date(attempt.started_at);
  if (!before) return `started after ${waited(start - new Date(delivery.created_at))}`;
  return `waited ${waited(start - new Date(before.started_at) - (before.duration_ms ?? 0))}`;
}

/** What comes next, or how it ended. */
function ending(delivery) {
  const { status, next_attempt_at: next, delivered_later_by: later } = delivery;
  const [, text, meaning] = STATUSES[status] ?? [null, status, ""];
  if (next && isOpen(delivery)) {
    const left = new Date(next) - Date.now();
    return ["Next attempt ", time(next), left > 0 ? `, in ${waited(left)}` : ", due now"];
  }
  if (isOpen(delivery)) return [meaning];
  const without = delivery.attempt_log.length === 0 && `${NO_ATTEMPT} `;
  // An attempt shows its own error; a delivery that was skipped or cancelled has only this one.
  const reason = ["skipped", "cancelled"].includes(status) && delivery.error;
  return [time(delivery.updated_at), ` ${text}. `, without, reason || meaning,
    later && el("a", { href: toDelivery(later), "data-testid": "delivered-later" }, " Delivered later, by another delivery")].filter(Boolean);
}
