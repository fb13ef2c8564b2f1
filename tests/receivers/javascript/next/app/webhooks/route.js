// A receiver as a Next.js route handler.

import { Webhook } from 'standardwebhooks';

import { accept } from '../../../work.js';

export async function GET(request) {
  return receive(request, new URL(request.url).searchParams);
}

export async function POST(request) {
  return receive(request, await request.formData());
}

export { POST as PATCH, POST as PUT };

function receive(request, fields) {
  // Made here, because `next build` loads this file without the secret.
  const webhook = new Webhook(process.env.WEBHOOK_SECRET);
  let payload;
  try {
    // What is signed is the field's value, not the request's body.
    payload = webhook.verify(fields.get('payload'), Object.fromEntries(request.headers));
  } catch {
    return new Response(null, { status: 401 });
  }
  // From the payload, because the field `event` is not signed.
  accept(request.headers.get('webhook-id'), payload.event, payload.conversation_id);
  return new Response(null, { status: 204 });
}
