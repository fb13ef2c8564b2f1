// Form fields with a place for the server's error about them.

import { el, uniqueId } from "./dom.js";

/** A labelled control, such as an input or a select. */
export function field(label, control, { hint, name } = {}) {
  control.id = uniqueId(name ?? "field");
  const hintId = `${control.id}-hint`;
  const error = errorLine(name, control.id);
  control.setAttribute("aria-describedby", hint ? `${hintId} ${error.id}` : error.id);
  return el("div", { class: "field", "data-field": name },
    el("label", { for: control.id }, label), control,
    hint && el("p", { class: "hint", id: hintId }, hint), error);
}

/** A group of controls under one legend, such as checkboxes. */
export function fieldset(legend, name, hint, ...controls) {
  const error = errorLine(name, uniqueId(name));
  return el("fieldset", { "data-field": name, "aria-describedby": error.id },
    el("legend", {}, legend), hint && el("p", { class: "hint" }, hint), ...controls, error);
}

function errorLine(name, id) {
  return el("p", { class: "field-error", id: `${id}-error`, "data-testid": `error-${name}`, hidden: true });
}

export function clearErrors(form) {
  for (const line of form.querySelectorAll(".field-error")) {
    line.hidden = true;
    line.textContent = "";
  }
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

/**
 * Shows each error at its field and moves the focus to the first.
 * `labels` maps fields to labels. `placeOf(field)` returns the element of a nested field, such as one header.
 * Returns the errors that belong to no field of the form.
 */
export function showErrors(form, errors, labels, placeOf = () => null) {
  const unplaced = [];
  for (const error of errors) {
    const root = error.field.split(/[.[]/)[0];
    const place = placeOf(error.field) ?? form.querySelector(`[data-field="${CSS.escape(root)}"]`);
    const line = place?.querySelector(".field-error");
    if (!line) {
      unplaced.push(error);
      continue;
    }
    const sentence = `${labels[error.field] ?? labels[root] ?? error.field} ${error.rule.replace(/\.$/, "")}.`;
    line.textContent = line.hidden ? sentence : `${line.textContent} ${sentence}`;
    line.hidden = false;
    for (const control of place.querySelectorAll("input, select, textarea")) control.setAttribute("aria-invalid", "true");
  }
  form.querySelector("[aria-invalid]")?.focus();
  return unplaced;
}

/** Shows the errors of fields; rethrows a problem that has any other error, or none. */
export function throwUnlessShown(problem, form, labels, placeOf) {
  const errors = problem.errors ?? [];
  const unplaced = showErrors(form, errors, labels, placeOf);
  if (errors.length === 0 || unplaced.length > 0) throw problem;
}
