// Signs in and out: with a key by the form, which is part of index.html, or in the portal by its link.

import { forgetAccount } from "./account.js";
import { KEY_REFUSED, call } from "./api.js";
import { titleOf } from "./brand.js";
import { IN_PORTAL, forgetKey, keepKey, storedKey } from "./key.js";
import { openLink, showClosed } from "./portal.js";

const ENDED = "Your session has ended. Open Webhooks again from where you came from.";
const NO_SESSION = "This tab has no session. Open Webhooks again from where you came from.";

const byId = (id) => document.getElementById(id);

/** Calls `onSignedIn` or `onSignedOut` on every change, and once at the start. */
export async function startSession({ onSignedIn, onSignedOut }) {
  const show = (signedIn) => {
    byId("sign-in").hidden = signedIn;
    for (const id of ["nav", "search", "view"]) byId(id).hidden = !signedIn;
    byId("sign-out").hidden = !signedIn || IN_PORTAL;
    if (signedIn) onSignedIn();
    else onSignedOut();
  };
  const leave = (notice, again) => {
    forgetKey();
    forgetAccount();
    // An open dialog would cover the sign-in form.
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    show(false);
    if (IN_PORTAL) {
      showClosed(notice, again);
      return;
    }
    byId("sign-in-notice").textContent = notice;
    byId("sign-in-notice").hidden = false;
    document.title = titleOf("Sign in");
    byId("api-key").focus();
  };

  window.addEventListener(KEY_REFUSED, () => {
    if (storedKey()) leave(IN_PORTAL ? ENDED : "Your API key is no longer accepted. Sign in again to continue where you were.");
  });
  if (IN_PORTAL) {
    const open = async (exchange) => {
      const fault = await exchange();
      if (fault) leave(fault.reason, fault.again && (() => open(fault.again)));
      else if (storedKey()) show(true);
      else leave(NO_SESSION);
    };
    await open(openLink);
    return;
  }
  byId("sign-out").addEventListener("click", () => leave("You are signed out."));
  byId("sign-in-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const submit = byId("sign-in-form").querySelector("button");
    submit.disabled = true;
    const key = byId("api-key").value.trim();
    const fault = await faultOf(key);
    submit.disabled = false;
    showFault(fault);
    if (fault) return;
    byId("api-key").value = "";
    keepKey(key);
    show(true);
  });
  show(storedKey() !== null);
  if (!storedKey()) byId("api-key").focus();
}

/** Why this key cannot sign in, or null. */
async function faultOf(key) {
  if (key === "") return "Enter your API key.";
  // A header cannot carry other characters, and keys have none.
  if (!/^[\x21-\x7e]+$/.test(key)) return "This is not an API key: keys have no spaces and no special characters.";
  try {
    await call("GET", "/v1/account", { key });
    return null;
  } catch (problem) {
    return problem.status === 401 ? "This API key is unknown. Check it for missing characters." : problem.message;
  }
}

function showFault(fault) {
  const field = byId("api-key");
  byId("api-key-error").textContent = fault ?? "";
  byId("api-key-error").hidden = fault === null;
  if (fault === null) {
    field.removeAttribute("aria-invalid");
  } else {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}
