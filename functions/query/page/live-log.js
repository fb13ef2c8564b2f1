// Shows a live list with its pages, and says whether it is live.

import { el, fill, say } from "./dom.js";
import { plural } from "./format.js";
import { endlessPager } from "./pager.js";
import { poll } from "./poll.js";

const REFRESH_EVERY = 2000;
/** Shortest time between announcements of new rows, so that a screen reader is not kept busy with them. */
const ANNOUNCE_EVERY = 15_000;

/** The line that says whether a list is live. */
export const liveLine = () => el("p", { class: "live muted small", "data-testid": "live" });

/**
 * Fills `area` until `signal` is aborted. `empty()` returns what is shown if there is nothing, `nouns` are the singular
 * and the plural of what is listed, and `restart()` starts again after too many new rows.
 */
export async function showLive({ area, live, list, nouns, empty, restart, signal }) {
  const foot = el("div", { class: "log-foot" });
  const place = el("div", {});
  const showList = () => {
    if (list.size > 0 && !list.element.isConnected) fill(place, list.element);
    if (list.size === 0 && !list.hasMore) fill(place, empty());
  };

  area.setAttribute("aria-busy", "true");
  const pager = endlessPager(list, nouns, foot, showList, signal);
  const loaded = await pager.load();
  if (signal.aborted) return;
  fill(area, place, foot);
  area.removeAttribute("aria-busy");
  if (!loaded) {
    fill(live, "Not live");
    live.classList.add("stopped");
    return;
  }
  pager.watch();

  fill(live, "Live");
  live.classList.remove("stopped");
  let announcedAt = 0;
  let unannounced = 0;
  poll(REFRESH_EVERY, async () => {
    const added = await list.refresh();
    if (signal.aborted) return;
    if (added === null) {
      restart();
      return;
    }
    if (added > 0) {
      showList();
      pager.recount();
    }
    unannounced += added;
    if (unannounced > 0 && Date.now() - announcedAt > ANNOUNCE_EVERY) {
      say(plural(unannounced, ...nouns.map((noun) => `new ${noun}`)));
      announcedAt = Date.now();
      unannounced = 0;
    }
  }, signal, (problem) => {
    fill(live, problem ? `Not live: ${problem.message}` : "Live");
    live.classList.toggle("stopped", problem !== null);
  });
}

/** Calls `start(value, signal)`, and again with each new value; the run before is ended first, and all are by `signal`. */
export function restartable(start, signal) {
  let stop = () => {};
  signal.addEventListener("abort", () => stop());
  return function run(value) {
    stop();
    const ending = new AbortController();
    stop = () => ending.abort();
    start(value, ending.signal, () => run(value));
  };
}
