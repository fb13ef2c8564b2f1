// The portal: a link signs in once, and its session lasts for the tab.

import { call } from "./api.js";
import { titleOf, wayBack } from "./brand.js";
import { el, fill } from "./dom.js";
import { forgetKey, keepKey } from "./key.js";

const PATH = "/portal/";
/** In the place of a token. It loads the page again, so that a reload goes on with the tab's session. */
const OPENED = "session";

/** Exchanges the token in the URL for a session, and takes it out of the URL first: it can be used once. Returns why it failed, or null. */
export async function openLink() {
  const token = location.pathname.slice(PATH.length);
  if (token === OPENED) return null;
  forgetKey();
  history.replaceState(null, "", PATH + OPENED + location.hash);
  try {
    const { session_token: session } = await call("POST", "/v1/portal-sessions", { body: { token }, key: "" });
    keepKey(session);
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Says in the place of the sign-in form that there is no session. */
export function showClosed(reason) {
  const title = el("h1", { tabindex: -1 }, "Open Webhooks again");
  fill(document.getElementById("sign-in"), title, el("p", { class: "notice", role: "alert", "data-testid": "portal-closed" }, reason), wayBack());
  document.title = titleOf("Closed");
  title.focus();
}
