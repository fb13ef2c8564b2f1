// The extra headers of a destination: rows with a name and a value.

import { button, el, fill, uniqueId } from "./dom.js";

/** The API's mask for a stored value; sent back, it keeps the value. */
const STORED = "********";

/** Rows for `stored` (`{name: "********"}`), with a button that adds a row. */
export function headerRows(stored) {
  const rows = el("div", { class: "header-rows" });
  const none = el("p", { class: "muted" });
  const say = () => fill(none, rows.childElementCount === 0 ? "No extra headers." : null);
  const add = (name, value) => {
    const row = headerRow(name, value, () => {
      row.remove();
      say();
      addButton.focus();
    });
    rows.append(row);
    say();
    return row;
  };
  const addButton = button("Add header", () => add("", "").querySelector("input").focus(), { "data-testid": "add-header" });
  for (const [name, value] of Object.entries(stored)) add(name, value);
  say();

  return {
    elements: [none, rows, el("p", {}, addButton)],
    /** `{name: value}` as the API takes it. */
    value: () => Object.fromEntries(filledRows(rows).map(({ name, value }) => [name, value])),
    /** Errors that the API cannot detect, because an object of headers cannot hold them. */
    faults: () => faultsOf(filledRows(rows), stored),
    rowOf: (fieldName) => rowOf(rows, fieldName),
  };
}

function headerRow(name, value, onRemove) {
  const nameInput = el("input", { value: name, placeholder: "X-Token", class: "mono", "aria-label": "Header name", autocomplete: "off", spellcheck: "false", "data-testid": "header-name" });
  const valueInput = el("input", { value, class: "mono", "aria-label": "Header value", autocomplete: "off", spellcheck: "false", "data-testid": "header-value" });
  valueInput.addEventListener("focus", () => {
    // A stored value cannot be edited, only replaced.
    if (valueInput.value === STORED) valueInput.select();
  });
  const error = el("p", { class: "field-error", id: uniqueId("header-error"), "data-testid": "error-header", hidden: true });
  for (const input of [nameInput, valueInput]) input.setAttribute("aria-describedby", error.id);
  return el("div", { class: "header-row" }, nameInput, valueInput,
    button("Remove", onRemove, { class: "quiet", "aria-label": name ? `Remove header ${name}` : "Remove this header" }), error);
}

function filledRows(rows) {
  return [...rows.children]
    .map((row) => {
      const [name, value] = row.querySelectorAll("input");
      return { row, name: name.value.trim(), value: value.value };
    })
    .filter(({ name, value }) => name !== "" || value !== "");
}

function faultsOf(rows, stored) {
  const seen = new Set();
  const faults = [];
  for (const { row, name, value } of rows) {
    const lower = name.toLowerCase();
    if (name === "") faults.push({ row, rule: "needs a name" });
    else if (seen.has(lower)) faults.push({ row, rule: "is given twice" });
    // Only the value stored under this exact name can be kept.
    else if (value === STORED && !(name in stored)) faults.push({ row, rule: "needs its value again because its name changed" });
    seen.add(lower);
  }
  return faults;
}

/** The row of a server error's field, such as `headers.X-Token`. */
function rowOf(rows, fieldName) {
  const name = fieldName.startsWith("headers.") ? fieldName.slice("headers.".length).toLowerCase() : null;
  return name === null ? null : filledRows(rows).find((row) => row.name.toLowerCase() === name)?.row ?? null;
}
