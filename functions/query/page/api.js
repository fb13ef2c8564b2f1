// Calls to Ringback's API. Every failure becomes a Problem with a sentence for the user.

import { keyHeader, storedKey } from "./key.js";
import { deliveryPath } from "./links.js";

/** Fired on `window` when the stored key is no longer accepted. */
export const KEY_REFUSED = "ringback-key-refused";

export class Problem extends Error {
  /** `errors`: the fields that broke a rule, `[{field, rule}]`. */
  constructor(status, code, detail, errors = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** Returns the parsed body (null for 204). Only signing in passes `key`: one that is not stored yet, or none. */
export async function call(method, path, { query, body, signal, key } = {}) {
  const headers = { ...keyHeader(key ?? storedKey()), Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  let response;
  let answer;
  try {
    response = await fetch(path + queryString(query), { method, headers, body: text, signal, cache: "no-store" });
    answer = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "The server cannot be reached. Check your connection and try again.");
  }
  if (response.ok) return answer === "" ? null : JSON.parse(answer);
  if (response.status === 401 && key === undefined) window.dispatchEvent(new Event(KEY_REFUSED));
  throw problemFrom(response, answer);
}

function problemFrom(response, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy's error page is not JSON; the status says enough.
  }
  const detail = response.status === 403 && !body.detail
    ? "You may not do this: your key or link does not have the scope for it."
    : body.detail ?? `The server answered with HTTP ${response.status}. Try again in a moment.`;
  return new Problem(response.status, body.code ?? "error", detail, body.errors ?? []);
}

function queryString(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const pairs = given.flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

export async function listDestinations(signal) {
  return (await call("GET", "/v1/destinations", { signal })).destinations;
}

/** What is at this path, or null. */
export async function find(path, signal) {
  try {
    return await call("GET", path, { signal });
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** What is at this path. If there is nothing, `missing` tells the user. */
export async function findOrTell(missing, path, signal) {
  const found = await find(path, signal);
  if (found === null) throw new Problem(404, "not_found", missing);
  return found;
}

/** The delivery, or null before its first attempt starts. */
export const findDelivery = (id, signal) => find(deliveryPath(id), signal);
