// The search box in the top bar: takes any id and opens what has it.

import { call, find } from "./api.js";
import { deliveryPath, destinationPath, eventPath, recoveryPath, toConversation, toDelivery, toDestination, toEvent, toKey, toRecovery } from "./links.js";

/** The beginning of each kind of id, what answers whether it exists, and its view. */
const KINDS = [
  ["dlv_", deliveryPath, toDelivery],
  ["evt_", eventPath, toEvent],
  ["dst_", destinationPath, toDestination],
  ["rec_", recoveryPath, toRecovery],
];

const form = document.getElementById("search");
const input = document.getElementById("search-id");
const answer = document.getElementById("search-answer");

export function startSearch() {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const id = input.value.trim();
    if (id === "") return;
    form.setAttribute("aria-busy", "true");
    const [hash, problem] = await placeOf(id).then((found) => [found, found ? "" : "Nothing has this id."], (error) => [null, error.message]);
    form.removeAttribute("aria-busy");
    say(problem);
    if (hash === null) return;
    input.value = "";
    location.hash = hash;
  });
  input.addEventListener("input", () => say(""));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") say("");
  });
  form.addEventListener("focusout", () => say(""));
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, dialog");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping || form.hidden) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

function say(text) {
  answer.textContent = text;
}

/** The hash of the view that shows what has this id, or null. */
async function placeOf(id) {
  for (const [beginning, path, view] of KINDS) {
    if (id.startsWith(beginning) && await exists(path(id))) return view(id);
  }
  if (id.startsWith("vk_")) {
    // A whole key begins with its id. It stays in this tab.
    const { api_keys: keys } = await call("GET", "/v1/api-keys");
    const key = keys.find(({ key_id: known }) => id === known || id.startsWith(`${known}_`));
    return key ? toKey(key.key_id) : null;
  }
  // Ids of conversations are the platform's own, and may begin with anything.
  return await hasDeliveries(id) ? toConversation(id) : null;
}

const exists = async (path) => (await find(path)) !== null;

async function hasDeliveries(conversation) {
  try {
    return (await call("GET", "/v1/deliveries", { query: { conversation_id: conversation, limit: 1 } })).deliveries.length > 0;
  } catch (error) {
    // Nothing can have what is not an id.
    if (error.status === 422) return false;
    throw error;
  }
}
