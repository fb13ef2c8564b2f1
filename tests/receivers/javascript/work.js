// What the receivers share: an event is stored before it is answered, and worked on after.
//
// It is stored once, by its webhook-id. Then its conversation is fetched, and stored. What a crash leaves undone is
// done after the next start, and what fails is tried again.
//
// The store is a file that only grows, one JSON object a line, and one process may use it. Put your database in its
// place: what matters is that `accept` returns when the event is on disk.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';

const FETCH_MS = 10_000;
const RETRY_MS = 5_000;

// In globalThis, because Next.js loads this module once for each of its bundles.
const state = (globalThis.ringbackReceiver ??= { seen: new Set(), undone: new Map(), working: false, retry: undefined });

/** Call once, when the server starts. */
export function start() {
  for (const name of ['RINGBACK_API', 'RINGBACK_API_KEY', 'DATABASE']) {
    if (!process.env[name]) throw new Error(`${name} is not set`);
  }
  for (const entry of entries()) remember(entry);
  work();
}

/** Stores an event, unless it is stored already. After this the delivery may be answered. */
export function accept(id, event, conversationId) {
  if (state.seen.has(id)) return;
  append({ id, event, conversation_id: conversationId });
  work();
}

async function work() {
  if (state.working) return; // the loop below comes to what is added while it runs, too
  state.working = true;
  for (const [id, conversationId] of state.undone) {
    try {
      const record = await fetchConversation(conversationId);
      // Your CRM, analytics or workflow goes here.
      append({ id, done: true, record });
    } catch (error) {
      console.warn(`event ${id} waits: ${error.message}`);
    }
  }
  state.working = false;
  clearTimeout(state.retry);
  if (state.undone.size > 0) state.retry = setTimeout(work, RETRY_MS);
}

/** The latest full record; null where there is no such conversation: asking again would not help. */
async function fetchConversation(id) {
  const response = await fetch(`${process.env.RINGBACK_API}/v1/public/conversations/${encodeURIComponent(id)}`, {
    headers: { 'X-API-Key': process.env.RINGBACK_API_KEY },
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`the API answered ${response.status}`);
  return response.json();
}

function append(entry) {
  // The line's end comes first, so that a line that a crash cut off spoils no other. Flush: on disk before the answer.
  appendFileSync(process.env.DATABASE, `\n${JSON.stringify(entry)}`, { flush: true });
  remember(entry);
}

function remember({ id, done, conversation_id: conversationId }) {
  state.seen.add(id);
  if (done) state.undone.delete(id);
  else state.undone.set(id, conversationId);
}

function entries() {
  if (!existsSync(process.env.DATABASE)) return [];
  return readFileSync(process.env.DATABASE, 'utf8').split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return []; // cut off by a crash: an event that was not answered, so comes again, or an end, and it is done again
    }
  });
}
