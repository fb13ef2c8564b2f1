// What the receivers share: they store an event before they answer, and process it afterwards.
//
// An event is stored once, by its webhook-id. Then its conversation is fetched and stored. Events that a crash leaves
// pending are processed after the next start, and those that fail are retried.
//
// The store is an append-only file of JSON lines for a single process. Replace it with your database: what matters is
// that `accept` returns only once the event is on disk.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';

const FETCH_MS = 10_000;
const RETRY_MS = 5_000;

// In globalThis, because Next.js loads this module once for each of its bundles.
const state = (globalThis.ringbackReceiver ??= { seen: new Set(), pending: new Map(), working: false, retry: undefined });

/** Reads the store and starts to work. Call it once, when the server starts. */
export function start() {
  for (const name of ['RINGBACK_API', 'RINGBACK_API_KEY', 'DATABASE']) {
    if (!process.env[name]) throw new Error(`${name} is not set`);
  }
  for (const entry of entries()) remember(entry);
  work();
}

/** Stores an event unless it is stored already. Answer the delivery after this. */
export function accept(id, event, conversationId) {
  if (state.seen.has(id)) return;
  append({ id, event, conversation_id: conversationId });
  work();
}

async function work() {
  if (state.working) return; // the loop below also reaches events added while it runs
  state.working = true;
  for (const [id, conversationId] of state.pending) {
    try {
      const record = await fetchConversation(conversationId);
      // Your CRM, analytics or workflow goes here.
      append({ id, done: true, record });
    } catch (error) {
      console.warn(`event ${id} will be retried: ${error.message}`);
    }
  }
  state.working = false;
  clearTimeout(state.retry);
  if (state.pending.size > 0) state.retry = setTimeout(work, RETRY_MS);
}

/** The latest full record; null if there is no such conversation, because a retry would not help. */
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
  // The newline comes first, so that a line cut off by a crash spoils no other. `flush`: on disk before the answer.
  appendFileSync(process.env.DATABASE, `\n${JSON.stringify(entry)}`, { flush: true });
  remember(entry);
}

function remember({ id, done, conversation_id: conversationId }) {
  state.seen.add(id);
  if (done) state.pending.delete(id);
  else state.pending.set(id, conversationId);
}

function entries() {
  if (!existsSync(process.env.DATABASE)) return [];
  return readFileSync(process.env.DATABASE, 'utf8').split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return []; // cut off by a crash: an unanswered event, which comes again, or a `done`, whose work is repeated
    }
  });
}
