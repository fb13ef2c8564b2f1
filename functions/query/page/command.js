// The next command, for who works with the API: a line for a shell, to copy.

import { el } from "./dom.js";
import { copyButton } from "./copy.js";
import { quoted } from "./curl.js";
import { destinationPath } from "./links.js";

/** A command with a button that copies it. */
export function command(text) {
  return el("div", { class: "command" },
    el("pre", { tabindex: 0, role: "group", "aria-label": "The same as a command", "data-testid": "command" }, text),
    copyButton("Copy", () => text, { "data-testid": "copy-command" }));
}

function post(path, body) {
  const data = body ? ` \\\n  -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}` : "";
  return `curl -X POST ${location.origin}${path} -H "X-API-Key: $API_KEY"${data}`;
}

export const addDestinationCommand = () => post("/v1/destinations", { name: "CRM", url: "https://example.com/webhooks" });
export const testCommand = (id) => post(`${destinationPath(id)}/test`);
export const hangUpCommand = () => post("/v1/flows/hangup", { conversation_id: "conversation-1", conversation_status: "COMPLETED" });
