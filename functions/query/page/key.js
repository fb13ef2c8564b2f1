// What this tab signs in with: an API key, or in the portal a session. It ends with the tab and never enters a URL, a cookie or a log.

/** Whether a portal link has opened the page, often in a frame of another site; then there is no sign-in form. */
export const IN_PORTAL = location.pathname.startsWith("/portal/");

const NAME = IN_PORTAL ? "ringback-session" : "ringback-api-key";
// A browser may deny storage to a frame of another site. Then the session ends with the page.
let inMemory = null;

export const storedKey = () => withStorage((storage) => storage.getItem(NAME)) ?? inMemory;

export function keepKey(key) {
  inMemory = key;
  withStorage((storage) => storage.setItem(NAME, key));
}

export function forgetKey() {
  inMemory = null;
  withStorage((storage) => storage.removeItem(NAME));
}

/** The header that carries a key; none without one. */
export function keyHeader(key) {
  if (!key) return {};
  return IN_PORTAL ? { Authorization: `Bearer ${key}` } : { "X-API-Key": key };
}

function withStorage(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}
