// The settings of a destination read-only.

import { el } from "./dom.js";
import { FORMATS, RETRIES } from "./words.js";

export function destinationFacts(destination) {
  const { url, request_type: type, format, retry, status, events, include, agent_ids: agents, headers } = destination;
  const rows = [
    ["URL", el("code", {}, url)],
    ["Request type", type], ["Format", FORMATS[format] ?? format], ["Retries", RETRIES[retry] ?? retry],
    ["Status", status === "enabled" ? "Enabled" : "Disabled"],
    ["Events", lines(events)],
    ["Include", include.length > 0 ? lines(include) : "Nothing more"],
    ["Agents", agents.length > 0 ? lines(agents) : "Every agent"],
    ["Extra headers", Object.keys(headers).length > 0 ? lines(Object.keys(headers)) : "None"],
  ];
  return el("dl", { class: "panel facts-list", "data-testid": "settings" }, ...rows.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}

const lines = (texts) => el("span", {}, ...texts.map((text) => el("code", { class: "line" }, text)));
