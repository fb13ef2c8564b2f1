// Building elements, and telling the user that something happened.

/**
 * An element with attributes, listeners (`onclick: fn`) and children.
 * Children that are null, undefined or false are left out; text is always text, never markup.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...present(children));
  return element;
}

/** Replaces everything inside `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

function present(children) {
  return children.flat().filter((child) => child != null && child !== false);
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** A box that stands where the content would: nothing here yet, or what went wrong. */
export function emptyState(title, text, ...actions) {
  return el("div", { class: "empty", "data-testid": "empty" },
    el("p", { class: "empty-title" }, title), el("p", { class: "muted" }, text),
    actions.length > 0 && el("p", { class: "actions" }, ...actions));
}

let toastTimer;

/** Shows a sentence for some seconds, and screen readers say it: for what the view itself no longer shows. */
export function announce(sentence) {
  const toast = document.getElementById("toast");
  toast.textContent = sentence;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.textContent = ""; }, 6000);
}

/** Only for screen readers: what everybody else sees happen. */
export function say(sentence) {
  document.getElementById("speech").textContent = sentence;
}

let lastId = 0;

/** An id for `for`, `aria-controls` and the like; unique on the page. */
export function uniqueId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
