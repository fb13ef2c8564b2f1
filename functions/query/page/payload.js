// The payload: formatted and foldable, or raw and exact.

import { button, el, fill } from "./dom.js";

/** Objects and arrays deeper than this start folded. */
const OPEN_DEPTH = 1;

/** `text` is the exact JSON that was sent. */
export function payloadViews(text) {
  const pretty = el("div", { class: "json mono", "data-testid": "payload" });
  const raw = el("pre", { hidden: true, tabindex: 0, role: "group", "aria-label": "Raw payload", "data-testid": "payload-raw" }, text);
  try {
    fill(pretty, node(null, parseExactly(text), 0));
  } catch {
    // Not JSON: show only the raw view.
    pretty.hidden = true;
    raw.hidden = false;
    return [raw];
  }
  const foldAll = (open) => () => {
    for (const part of pretty.querySelectorAll("details details")) part.open = open;
  };
  const folds = [button("Unfold all", foldAll(true)), button("Fold all", foldAll(false))];
  const showRaw = button("Raw", () => {
    const toRaw = raw.hidden;
    raw.hidden = !toRaw;
    pretty.hidden = toRaw;
    for (const fold of folds) fold.disabled = toRaw;
    showRaw.setAttribute("aria-pressed", String(toRaw));
  }, { "aria-pressed": "false", "data-testid": "payload-raw-toggle" });
  return [el("div", { class: "actions" }, ...folds, showRaw), pretty, raw];
}

/** A number as written: parsing 12345678901234567890 would change it. */
class NumberText {
  constructor(text) {
    this.text = text;
  }
}

function parseExactly(text) {
  return JSON.parse(text, (_, value, context) => (typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value));
}

function node(name, value, depth) {
  const key = name === null ? null : [el("span", { class: "json-key" }, JSON.stringify(name)), ": "];
  if (typeof value !== "object" || value === null || value instanceof NumberText) return el("div", { class: "json-leaf" }, key, leaf(value));
  const isArray = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, close] = isArray ? "[]" : "{}";
  if (entries.length === 0) return el("div", { class: "json-leaf" }, key, open + close);
  const size = `${entries.length} ${isArray ? "item" : "field"}${entries.length === 1 ? "" : "s"}`;
  return el("details", { open: depth < OPEN_DEPTH },
    el("summary", {}, key, open, el("span", { class: "json-size muted" }, ` ${size} `, close)),
    el("div", { class: "json-inside" }, ...entries.map(([inner, part]) => node(isArray ? null : inner, part, depth + 1))),
    el("div", {}, close));
}

function leaf(value) {
  if (value instanceof NumberText) return el("span", { class: "json-number" }, value.text);
  if (typeof value === "string") return el("span", { class: "json-string" }, JSON.stringify(value));
  return el("span", { class: "json-word" }, String(value));
}
