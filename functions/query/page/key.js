// What this tab signs in with: an API key, or in the portal a session. It ends with the tab and never enters a URL, a cookie or a log.

/** Whether a portal link has opened the page, often in a frame of another site; then there is no sign-in form. */
export const IN_PORTAL = location.pathname.startsWith("/portal/");

const NAME = IN_PORTAL ? "ringback-session" : "ringback-api-key";
// A browser may deny storage to a frame of another site. Then the session lasts for the page.
let inMemory = null;

// First its own: another frame of this tab may keep the session of another account in the same place.
export const storedKey = () => inMemory ?? withStorage((storage) => storage.getItem(NAME));

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
