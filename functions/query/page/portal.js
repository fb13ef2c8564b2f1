// The portal: a link signs in once, and its session lasts for the tab.

import { call } from "./api.js";
import { titleOf, wayBack } from "./brand.js";
import { button, el, fill } from "./dom.js";
import { forgetKey, keepKey } from "./key.js";

const PATH = "/portal/";
/** In the place of a token. It loads the page again, so that a reload goes on with the tab's session. */
const OPENED = "session";

/** Exchanges the token in the URL for a session, and takes it out of the URL first: it can be used once. Returns null, or `{reason, again}` if it failed. */
export async function openLink() {
  const token = location.pathname.slice(PATH.length);
  if (token === OPENED) return null;
  forgetKey();
  history.replaceState(null, "", PATH + OPENED + location.hash);
  return exchange(token);
}

/** Where the server did not refuse the token, it is still good for its minute: `again()` sends it again. */
async function exchange(token) {
  try {
    const { session_token: session } = await call("POST", "/v1/portal-sessions", { body: { token }, key: "" });
    keepKey(session);
    return null;
  } catch (error) {
    const isRefused = error.status === 401 || error.status === 403;
    return { reason: error.message, again: isRefused ? null : () => exchange(token) };
  }
}

/** Says in the place of the sign-in form that there is no session, with a button for `again()` if it is given. */
export function showClosed(reason, again) {
  const title = el("h1", { tabindex: -1 }, again ? "Webhooks could not be opened" : "Open Webhooks again");
  fill(document.getElementById("sign-in"), title, el("p", { class: "notice", role: "alert", "data-testid": "portal-closed" }, reason),
    again && el("p", { class: "actions" }, button("Try again", again, { class: "primary", "data-testid": "try-again" })), wayBack());
  document.title = titleOf("Closed");
  title.focus();
}
