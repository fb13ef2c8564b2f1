// Loads the next page of a live list when its end becomes visible, or on a click of the button.

import { button, el, fill } from "./dom.js";
import { plural } from "./format.js";

/** A page may be empty although more follow; after this many empty pages, the user decides whether to continue. */
const EMPTY_PAGES = 10;

/** `nouns` are the singular and the plural of what is listed; `showList` is called after each page. */
export function endlessPager(list, nouns, foot, showList, signal) {
  let loading = false;
  const more = button("Load more", () => load(), { "data-testid": "load-more" });
  const sight = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) load();
  }, { rootMargin: "600px" });
  signal.addEventListener("abort", () => sight.disconnect());

  const showFoot = (text, role) => {
    more.hidden = !list.hasMore;
    fill(foot, text && el("p", { class: "muted small", role }, text), more);
  };

  /** Returns whether it succeeded; a failure is shown in the foot, with a button to try again. */
  async function load() {
    if (loading) return true;
    loading = true;
    more.textContent = "Loading…";
    try {
      let added = 0;
      for (let pages = 0; added === 0 && (pages === 0 || list.hasMore) && pages < EMPTY_PAGES; pages += 1) added = await list.loadPage();
      more.textContent = "Load more";
      showList();
      showFoot(footText(added), "status");
      // The observer fires only on a change; after a short page, the end is still visible.
      if (added > 0) watch();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      fill(foot, el("p", { class: "notice bad", role: "alert" }, error.message), more);
      more.hidden = false;
      more.textContent = "Try again";
      return false;
    } finally {
      loading = false;
    }
  }

  function footText(added) {
    if (list.hasMore) return added === 0 ? `Nothing found so far. Older ${nouns[1]} have not been searched yet.` : null;
    return list.size > 0 ? `${plural(list.size, ...nouns)} in total.` : null;
  }

  function watch() {
    sight.unobserve(foot);
    if (list.hasMore && !signal.aborted) sight.observe(foot);
  }

  /** Counts again after new rows, which are announced elsewhere. */
  const recount = () => {
    if (!list.hasMore) showFoot(footText());
  };
  return { load, watch, recount };
}
