// The account that this tab is signed in to, and what it may change.

import { call } from "./api.js";

let account = null;

/** Loads it once for each sign-in. */
export async function loadAccount(signal) {
  account ??= await call("GET", "/v1/account", { signal });
}

export function forgetAccount() {
  account = null;
}

/** What a new key may be allowed: no more than its maker. */
export const ownScopes = () => account.scopes;

/** Whether changes are offered. Without this scope, everything is shown and nothing can be changed. */
export const mayManage = () => account.scopes.includes("manage");
