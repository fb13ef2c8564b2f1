// Modal dialogs. The <dialog> element keeps the focus inside, closes on Escape and restores the focus.

import { button, el, uniqueId } from "./dom.js";

/**
 * Opens a dialog and resolves when it is closed.
 * `content(close, signal)` returns its children; closing aborts `signal`, which cancels requests in progress.
 */
export function openDialog(title, content, attributes = {}) {
  const titleId = uniqueId("dialog-title");
  const opener = document.activeElement;
  const ending = new AbortController();
  const dialog = el("dialog", { "aria-labelledby": titleId, ...attributes }, el("h2", { id: titleId }, title));
  dialog.append(...content(() => dialog.close(), ending.signal).filter(Boolean));
  document.body.append(dialog);
  dialog.showModal();
  // A link in the dialog opens another view, which the dialog would cover.
  window.addEventListener("hashchange", () => dialog.close(), { signal: ending.signal });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      ending.abort();
      dialog.remove();
      // Safari does not restore the focus when the dialog is removed at once.
      opener?.focus?.();
      resolve();
    });
  });
}

/** Asks before an action that cannot be undone. If `act` fails, the dialog stays open and shows the error. */
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

/** An error message that is hidden until something fails. */
export function faultLine() {
  const element = el("p", { class: "notice bad", role: "alert", hidden: true, "data-testid": "form-error" });
  const hide = () => {
    element.hidden = true;
    element.textContent = "";
  };
  const show = (error, signal) => {
    // The user has closed the dialog or left the view.
    if (signal?.aborted) return;
    element.textContent = error.message;
    element.hidden = false;
  };
  return { element, show, hide };
}

/**
 * Runs `act` for a click on `clicked`; a second click while it runs does nothing, and a failure is shown in `fault`.
 * The button is not `disabled`, because it would lose the focus.
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
