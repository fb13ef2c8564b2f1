// The form that adds or edits a destination. The server validates; the form shows each error at its field.

import { el } from "./dom.js";
import { faultLine, whileBusy } from "./dialog.js";
import { clearErrors, field, fieldset, showErrors, throwUnlessShown } from "./field-errors.js";
import { headerRows } from "./header-rows.js";
import { EVENTS, FORMATS, NOTICES, REQUEST_TYPES, RETRIES } from "./words.js";

const LABELS = { name: "Name", url: "URL", request_type: "Request type", format: "Format", retry: "Retries", status: "Status", events: "Events", include: "Include", agent_ids: "Agents", headers: "Headers" };
const NEW = { name: "", url: "", request_type: "POST", format: "form", retry: "standard", status: "enabled", events: EVENTS, include: [], agent_ids: [], headers: {} };

/** `save(fields)` gets every field of a new destination, but only the changed fields of an existing `destination`. */
export function destinationForm(destination, save) {
  const before = destination ?? NEW;
  const name = el("input", { value: before.name, autocomplete: "off", "aria-required": "true", "data-testid": "field-name" });
  const url = el("input", { value: before.url, type: "url", class: "mono", autocomplete: "off", spellcheck: "false", placeholder: "https://", "aria-required": "true", "data-testid": "field-url" });
  const requestType = el("select", { "data-testid": "field-request-type" },
    ...REQUEST_TYPES.map((type) => el("option", { selected: type === before.request_type }, type)));
  const format = el("select", { "data-testid": "field-format" },
    ...Object.entries(FORMATS).map(([value, text]) => el("option", { value, selected: value === before.format }, text)));
  const retry = el("select", { "data-testid": "field-retry" },
    ...Object.entries(RETRIES).map(([value, text]) => el("option", { value, selected: value === before.retry }, text)));
  const enabled = el("input", { type: "checkbox", role: "switch", class: "switch", checked: before.status === "enabled", "data-testid": "field-status" });
  const events = [...EVENTS, ...NOTICES].map((event) => el("input", { type: "checkbox", value: event, checked: before.events.includes(event), "data-testid": `event-${event}` }));
  const metadata = el("input", { type: "checkbox", checked: before.include.includes("conversation_metadata"), "data-testid": "include-metadata" });
  const agents = el("textarea", { rows: 3, class: "mono", autocomplete: "off", spellcheck: "false", "data-testid": "field-agents" }, before.agent_ids.join("\n"));
  const shownAgents = agents.value;
  const headers = headerRows(before.headers);
  const fault = faultLine();
  const submit = el("button", { type: "submit", class: "primary", "data-testid": "save" }, destination ? "Save changes" : "Add destination");

  const read = () => ({
    name: name.value.trim(),
    url: url.value.trim(),
    request_type: requestType.value,
    format: format.value,
    retry: retry.value,
    status: enabled.checked ? "enabled" : "disabled",
    events: events.filter((box) => box.checked).map((box) => box.value),
    include: metadata.checked ? ["conversation_metadata"] : [],
    // Untouched, it stays as it is: an id may have blanks at its ends.
    agent_ids: agents.value === shownAgents ? before.agent_ids : agents.value.split("\n").map((id) => id.trim()).filter((id) => id !== ""),
    headers: headers.value(),
  });

  const form = el("form", { class: "panel form", novalidate: true, "data-testid": "destination-form", onsubmit: send },
    fault.element,
    field("Name", name, { name: "name", hint: "A name that your team recognises." }),
    field("URL", url, { name: "url", hint: "Must use https://." }),
    field("Request type", requestType, { name: "request_type", hint: "GET sends event and payload as query parameters; the others send a body." }),
    field("Format", format, { name: "format", hint: "Form: event and payload as multipart form data. JSON: the payload is the body, which n8n, Zapier, Make and Standard Webhooks libraries read. GET has no body, so choose Form." }),
    field("Retries", retry, { name: "retry", hint: "Of deliveries that begin from now on. Extended: after the four attempts, again after 1, 5 and 30 minutes and 2, 6, 12 and 24 hours." }),
    fieldset("Status", "status", null, el("label", { class: "check" }, enabled, " Enabled: deliver events to this destination")),
    fieldset("Events", "events", "Only the events you choose are delivered. The last three tell that a destination of yours fails, works again or was disabled: choose them for a chat or a pager.",
      ...events.map((box) => el("label", { class: "check" }, box, el("code", {}, box.value)))),
    fieldset("Include", "include", "The payload has sixteen keys. What you choose here comes after them.",
      el("label", { class: "check" }, metadata, el("code", {}, "conversation_metadata"))),
    field("Agents", agents, { name: "agent_ids", hint: "Only events of these agents are delivered: one id a line, at most 20. Empty: every agent." }),
    fieldset("Extra headers", "headers", "Sent with every request. A stored value shows as ******** and is kept unless you change it.", ...headers.elements),
    el("p", { class: "actions" }, submit, el("a", { class: "button", href: "#/destinations" }, "Cancel")));

  async function send(event) {
    event.preventDefault();
    clearErrors(form);
    const headerFaults = headers.faults();
    if (headerFaults.length > 0) {
      const rows = new Map(headerFaults.map(({ row }, index) => [`headers.${index}`, row]));
      const errors = headerFaults.map(({ rule }, index) => ({ field: `headers.${index}`, rule }));
      showErrors(form, errors, { headers: "This header" }, (at) => rows.get(at));
      return;
    }
    await whileBusy(submit, fault, undefined, async () => {
      try {
        await save(destination ? changes(before, read()) : read());
      } catch (problem) {
        throwUnlessShown(problem, form, { ...LABELS, ...headerLabels(problem.errors ?? []) }, headers.rowOf);
      }
    });
    if (!fault.element.hidden) fault.element.scrollIntoView({ block: "nearest" });
  }

  return form;
}

/** "Header X-Token" for `headers.X-Token`. */
function headerLabels(errors) {
  const named = errors.filter((error) => error.field.startsWith("headers."));
  return Object.fromEntries(named.map((error) => [error.field, `Header ${error.field.slice("headers.".length)}`]));
}

/** Only the changed fields, so that saving a name does not undo a colleague's change of the headers. */
function changes(before, after) {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}
