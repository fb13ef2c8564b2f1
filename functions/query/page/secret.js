// The signing secret: shown once after its creation, and rotated with a grace period.

import { call } from "./api.js";
import { brandName } from "./brand.js";
import { button, el } from "./dom.js";
import { faultLine, openDialog, whileBusy } from "./dialog.js";
import { clearErrors, field, throwUnlessShown } from "./field-errors.js";
import { destinationPath } from "./links.js";
import { showOnce } from "./show-once.js";

/** The API's default and limit for the grace period of the previous secret. */
const GRACE_HOURS = 24;
const MAX_GRACE_HOURS = 168;

/** Resolves when the user closes the dialog. */
export const showSecret = (destination, title) => showOnce(title,
  ["Your endpoint uses this secret to verify that a request to ", el("strong", {}, destination.name), ` comes from ${brandName}.`], "Signing secret", destination.secret);

export async function rotateSecret(destination, onRotated) {
  let rotated = null;
  await openDialog(`Rotate the secret of ${destination.name}`, (close, signal) => {
    const hours = el("input", { type: "number", min: 0, max: MAX_GRACE_HOURS, value: GRACE_HOURS, "data-testid": "field-grace-hours" });
    const fault = faultLine();
    const submit = el("button", { type: "submit", class: "primary", "data-testid": "confirm" }, "Rotate secret");
    const form = el("form", { novalidate: true, onsubmit: rotate },
      el("p", {}, "Creates a new secret. During the grace period, requests carry both signatures, so that your endpoint refuses nothing while you change it."),
      fault.element,
      field("Sign with the previous secret for (hours)", hours, { name: "grace_hours", hint: `0 to ${MAX_GRACE_HOURS}. With 0, the previous secret expires at once.` }),
      el("p", { class: "actions end" }, button("Cancel", close), submit));

    async function rotate(event) {
      event.preventDefault();
      clearErrors(form);
      await whileBusy(submit, fault, signal, async () => {
        try {
          rotated = await call("POST", `${destinationPath(destination.id)}/secret/rotate`, { body: { grace_hours: hours.value === "" ? GRACE_HOURS : Number(hours.value) } });
          close();
        } catch (problem) {
          throwUnlessShown(problem, form, { grace_hours: "Grace period" });
        }
      });
    }

    return [form];
  });
  if (!rotated) return;
  onRotated(rotated);
  await showSecret(rotated, "Secret rotated");
}
