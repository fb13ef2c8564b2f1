// The name and the logo that the operator gives the page, and the way back to the operator's own.

import { el, fill } from "./dom.js";

const { name = "Ringback", logo, return: returnUrl } = document.documentElement.dataset;

export { name as brandName };

export function showBrand() {
  fill(document.getElementById("brand"), logo && el("img", { src: logo, alt: "" }), `${name} `, el("span", { class: "brand-part" }, "Webhooks"));
}

export const titleOf = (heading) => `${heading} · ${name} Webhooks`;

/** A link to where the portal was opened from, if the operator has named it. It leaves the frame. */
export const wayBack = () => returnUrl && el("p", { class: "actions" }, el("a", { class: "button primary", href: returnUrl, target: "_top", "data-testid": "way-back" }, "Go back"));
