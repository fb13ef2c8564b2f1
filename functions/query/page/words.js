// The API's terms and their texts on the page.

import { el } from "./dom.js";

export const EVENTS = ["conversation.completed", "conversation.disconnected", "conversation.failed"];
/** Notices of a destination's health. */
export const NOTICES = ["destination.failing", "destination.recovered", "destination.disabled"];
export const REQUEST_TYPES = ["POST", "GET", "PUT", "PATCH"];

/** Each way of retrying with its text. */
export const RETRIES = { standard: "Standard: 4 attempts in half a minute", extended: "Extended: 11 attempts in 45 hours" };

/** Each format with its text. */
export const FORMATS = { form: "Form", json: "JSON" };

/** Each delivery status with its badge's tone, its text and its meaning. */
export const STATUSES = {
  pending: ["wait", "Pending", "The first attempt is in progress."],
  retrying: ["wait", "Retrying", "The last attempt failed; another follows."],
  delivered: ["good", "Delivered", "The destination answered with a 2xx status."],
  exhausted: ["bad", "Exhausted", "Every attempt failed; no more follow."],
  skipped: ["none", "Skipped", "Nothing was sent because the destination was disabled or the account suspended."],
  cancelled: ["none", "Cancelled", "Ended without success: nothing was left to send, or nowhere to send it."],
};

/** Filters of several statuses at once, each with its text and its parameters of the API. */
export const STATUS_GROUPS = {
  undelivered: ["Undelivered", { undelivered: true }],
  failed: ["Without success", { status: ["exhausted", "skipped", "cancelled"] }],
};

/** Each state of a destination with its badge's tone, its text and its meaning. */
const HEALTH = {
  healthy: ["good", "Healthy", "Its deliveries succeed."],
  failing: ["bad", "Failing", "Five or more deliveries in a row ended without success."],
  disabled: ["none", "Disabled", "Nothing is delivered."],
  // Not a state of the API, which calls such a destination healthy.
  untried: ["none", "Health not known yet", "No delivery of an event has been given up or has succeeded yet. Tests do not count."],
};

export function healthBadge(state) {
  const [tone, text, meaning] = HEALTH[state] ?? ["none", state, ""];
  return badge(tone, text, meaning);
}

const OUTCOMES = {
  success: "Success",
  http_error: "HTTP error",
  timeout: "Timed out",
  dns: "Name not found",
  connect: "No connection",
  tls: "TLS failed",
  blocked: "Address blocked",
  no_response: "No response",
  protocol: "Protocol error",
  too_large: "Too large",
  url_too_long: "URL too long",
  unknown: "Unknown",
};

export const TRIGGERS = { lifecycle: "Conversation ended", resend: "Resent", resend_latest: "Resent with the latest payload", test: "Test event" };

/** Whether more attempts may follow, so that the delivery is worth polling. */
export const isOpen = (delivery) => delivery.status === "pending" || delivery.status === "retrying";

export const triggerText = (trigger) => TRIGGERS[trigger] ?? trigger;

/** "HTTP 500", "Timed out", or a dash if there is no result yet. */
export function resultText({ outcome, http_status: httpStatus }) {
  if (httpStatus) return `HTTP ${httpStatus}`;
  return outcome ? OUTCOMES[outcome] ?? outcome : "–";
}

export function badge(tone, text, title) {
  return el("span", { class: `badge ${tone}`, title }, text);
}

export function statusBadge(status) {
  const [tone, text, meaning] = STATUSES[status] ?? ["none", status, ""];
  return badge(tone, text, meaning);
}

export function attemptBadge(attempt) {
  if (attempt.outcome === null) return badge("wait", "In progress");
  return badge(attempt.outcome === "success" ? "good" : "bad", resultText(attempt));
}
