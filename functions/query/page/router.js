// Shows the view for the URL's hash, such as #/deliveries/dlv_1?sent=1

import { loadAccount } from "./account.js";
import { titleOf } from "./brand.js";
import { button, el, fill } from "./dom.js";

let leaveView = () => {};

/** Ends the current view: its requests, polls and listeners. */
export function stopView() {
  leaveView();
  leaveView = () => {};
}

/** `routes` maps patterns such as `/deliveries/:id` to `show(root, {id, query, signal})`. */
export async function showView(routes, root) {
  stopView();
  const [path, search = ""] = location.hash.slice(1).split("?");
  const match = matching(routes, path);
  if (!match) {
    location.replace("#/destinations");
    return;
  }
  const ending = new AbortController();
  leaveView = () => ending.abort();
  markCurrent(path);
  // The old view stays until the new one has content, so that nothing jumps.
  root.setAttribute("aria-busy", "true");
  if (root.childElementCount === 0) fill(root, el("p", { class: "loading" }, "Loading…"));
  try {
    await loadAccount(ending.signal);
    await match.show(root, { id: match.id, query: new URLSearchParams(search), signal: ending.signal });
    if (ending.signal.aborted) return;
    titleAndFocus(root);
  } catch (error) {
    if (ending.signal.aborted) return;
    showFailure(root, error, () => showView(routes, root));
  }
  root.removeAttribute("aria-busy");
}

function matching(routes, path) {
  for (const [pattern, show] of Object.entries(routes)) {
    const found = new RegExp(`^${pattern.replace(":id", "([^/]+)")}$`).exec(path);
    if (found) return { show, id: found[1] && decoded(found[1]) };
  }
  return null;
}

/** An id that is wrongly encoded stays as it is: then nothing has it, and the view says so. */
function decoded(id) {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function markCurrent(path) {
  for (const link of document.querySelectorAll("#nav a[href^='#']")) {
    const inside = path.startsWith(link.hash.slice(1));
    if (inside) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function titleAndFocus(root) {
  const heading = root.querySelector("h1");
  document.title = titleOf(heading.textContent);
  heading.tabIndex = -1;
  // Keyboard and screen reader start at the new view, as they do after a page load.
  heading.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function showFailure(root, error, retry) {
  fill(root,
    el("h1", {}, "This page could not be shown"),
    el("p", { class: "notice bad", role: "alert" }, error.message),
    el("p", { class: "actions" }, button("Try again", retry, { class: "primary" }),
      el("a", { class: "button", href: "#/destinations" }, "All destinations")));
}
