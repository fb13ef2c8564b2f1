// The attempts of a delivery as a small table, for an open row of the log.

import { el } from "./dom.js";
import { duration, time } from "./format.js";
import { attemptBadge } from "./words.js";

/** For a delivery that was skipped or cancelled before its first attempt. */
export const NO_ATTEMPT = "No attempt was made.";

const COLUMNS = ["Attempt", "Time", "Result", "Duration", "Next attempt", "Error"];

export function attemptsTable(attempts) {
  if (attempts.length === 0) return el("p", { class: "muted" }, NO_ATTEMPT);
  // The roles are explicit, because the card layout on phones sets `display`, which removes them.
  return el("table", { class: "cards attempts", role: "table", "aria-label": "Attempts" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((column) => el("th", { role: "columnheader", scope: "col" }, column)))),
    el("tbody", { role: "rowgroup" }, ...attempts.map(attemptRow)));
}

function attemptRow(attempt) {
  const cells = [
    String(attempt.number),
    time(attempt.started_at),
    attemptBadge(attempt),
    attempt.outcome === null ? "–" : duration(attempt.duration_ms),
    attempt.next_attempt_at ? time(attempt.next_attempt_at) : "–",
    attempt.error ?? "–",
  ];
  return el("tr", { role: "row", "data-testid": "attempt", "data-attempt": attempt.number },
    ...cells.map((content, index) => el("td", { role: "cell", "data-label": COLUMNS[index] }, content)));
}
