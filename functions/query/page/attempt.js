// One attempt: its request and its response.

import { el } from "./dom.js";
import { duration, time } from "./format.js";
import { attemptBadge } from "./words.js";

/** Result, duration and start, as one line. */
export function attemptFacts(attempt) {
  return [
    attemptBadge(attempt),
    attempt.outcome !== null && el("span", { "data-testid": "attempt-duration" }, duration(attempt.duration_ms)),
    el("span", {}, time(attempt.started_at)),
  ].filter(Boolean);
}

/** The response comes first: it says why an attempt failed. */
export function attemptBody(attempt) {
  return el("div", { class: "attempt-body" },
    attempt.error && el("p", { class: "notice bad", "data-testid": "attempt-error" }, attempt.error),
    attempt.payload_trimmed?.length > 0 && el("p", { class: "notice wait" }, "Shortened for this attempt: ", el("code", {}, attempt.payload_trimmed.join(", ")), "."),
    attempt.response && responsePart(attempt.response),
    attempt.outcome !== null && !attempt.response && el("p", { class: "muted" }, "No response was received."),
    attempt.request ? requestPart(attempt.request) : el("p", { class: "muted small" }, "The request is not shown: its destination has been changed or deleted since."));
}

function requestPart(request) {
  return el("section", {}, el("h3", {}, "Request"),
    el("p", { class: "mono wrap" }, el("strong", {}, request.method), ` ${request.url}`), headerList(request.headers));
}

function responsePart(response) {
  const body = response.body === ""
    ? el("p", { class: "muted" }, "The body was empty.")
    : el("pre", { tabindex: 0, "aria-label": "Response body", role: "group", "data-testid": "response-body" }, response.body);
  return el("section", {}, el("h3", {}, "Response"), body,
    response.body_truncated && el("p", { class: "muted small" }, "Only the beginning of the body is stored."), headerList(response.headers));
}

function headerList(headers) {
  return el("dl", { class: "headers mono" },
    ...Object.entries(headers).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}
