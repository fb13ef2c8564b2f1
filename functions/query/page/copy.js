// Copy buttons. `text` is a function, so that the current text is copied.

import { announce, button, say } from "./dom.js";

export function copyButton(label, text, attributes = {}) {
  const copy = button(label, async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      // No permission, or a page served without TLS.
      announce("The browser did not allow copying. Select the text and copy it with the keyboard.");
      return;
    }
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = label; }, 2000);
    say("Copied.");
  }, attributes);
  return copy;
}
