// Builds elements and announces messages to the user.

/**
 * An element with attributes, listeners (`onclick: fn`) and children.
 * Children that are null, undefined or false are omitted; text is never parsed as markup.
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

/** Replaces the children of `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

function present(children) {
  return children.flat().filter((child) => child != null && child !== false);
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** A placeholder for missing content, with the next steps. */
export function emptyState(title, text, actions = [], ...more) {
  return el("div", { class: "empty", "data-testid": "empty" },
    el("p", { class: "empty-title" }, title), el("p", { class: "muted" }, text),
    actions.length > 0 && el("p", { class: "actions" }, ...actions), ...more);
}

let toastTimer;

/** Shows a sentence for six seconds and announces it to screen readers, for results that the view does not show. */
export function announce(sentence) {
  const toast = document.getElementById("toast");
  toast.textContent = sentence;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.textContent = ""; }, 6000);
}

/** Announces a change to screen readers only, for changes that are visible. */
export function say(sentence) {
  document.getElementById("speech").textContent = sentence;
}

let lastId = 0;

/** A unique id for `for`, `aria-controls` and similar attributes. */
export function uniqueId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
