// Modal dialogs. <dialog> itself keeps the focus inside, closes on Escape and gives the focus back.

import { button, el, uniqueId } from "./dom.js";

/**
 * Opens a dialog and resolves when it is closed.
 * `content(close, signal)` answers its children; `signal` is aborted on closing, which ends requests under way.
 */
export function openDialog(title, content, attributes = {}) {
  const titleId = uniqueId("dialog-title");
  const opener = document.activeElement;
  const ending = new AbortController();
  const dialog = el("dialog", { "aria-labelledby": titleId, ...attributes }, el("h2", { id: titleId }, title));
  dialog.append(...content(() => dialog.close(), ending.signal).filter(Boolean));
  document.body.append(dialog);
  dialog.showModal();
  // A link inside leads to another view, which the dialog would cover.
  window.addEventListener("hashchange", () => dialog.close(), { signal: ending.signal });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      ending.abort();
      dialog.remove();
      // Safari forgets who had the focus when the dialog is removed at once.
      opener?.focus?.();
      resolve();
    });
  });
}

/** Asks before something that cannot be undone. `act` does it; its failure is shown in the dialog, which stays open. */
export async function confirmThat(title, text, actionText, act) {
  let done = false;
  await openDialog(title, (close, signal) => {
    const fault = faultLine();
    const confirm = button(actionText, () => whileBusy(confirm, fault, signal, async () => {
      await act();
      done = true;
      close();
    }), { class: "danger", "data-testid": "confirm" });
    const keep = button("Cancel", close, { autofocus: true });
    return [el("p", {}, text), fault.element, el("p", { class: "actions end" }, keep, confirm)];
  });
  return done;
}

/** A line that is empty until something fails. */
export function faultLine() {
  const element = el("p", { class: "notice bad", role: "alert", hidden: true, "data-testid": "form-error" });
  const hide = () => {
    element.hidden = true;
    element.textContent = "";
  };
  const show = (error, signal) => {
    // The user closed the dialog or left the view: nobody waits for the answer.
    if (signal?.aborted) return;
    element.textContent = error.message;
    element.hidden = false;
  };
  return { element, show, hide };
}

/**
 * Runs `act` for a click on `clicked`; a second click while it runs does nothing, and a failure is shown in `fault`.
 * The button is not `disabled`, which would take the focus away from it.
 */
export async function whileBusy(clicked, fault, signal, act) {
  fault.hide();
  if (clicked.hasAttribute("aria-disabled")) return;
  clicked.setAttribute("aria-disabled", "true");
  try {
    await act();
  } catch (error) {
    fault.show(error, signal);
  }
  clicked.removeAttribute("aria-disabled");
}
