// Shows a secret once, after its creation, to be copied.

import { button, el } from "./dom.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { field } from "./field-errors.js";

/** `text` says what the value is for, `label` what it is. Resolves when the user closes the dialog. */
export function showOnce(title, text, label, value) {
  return openDialog(title, (close) => {
    const secret = el("input", { readonly: true, value, class: "mono", "data-testid": "secret" });
    secret.addEventListener("focus", () => secret.select());
    return [
      el("p", {}, ...text),
      field(label, secret, { name: "secret" }),
      el("p", { class: "notice wait" }, "Copy it now: it will not be shown again."),
      el("p", { class: "actions end" }, copyButton("Copy", () => value, { "data-testid": "copy-secret" }),
        button("I have stored it", close, { class: "primary", "data-testid": "secret-close" })),
    ];
  }, { "data-testid": "secret-dialog" });
}
