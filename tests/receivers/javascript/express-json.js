// A receiver in Express for a destination whose format is JSON: the payload is the body.

import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';

import express from 'express';
import { Webhook } from 'standardwebhooks';

import { accept, start } from './work.js';

const { PORT, TLS_CERT, TLS_KEY, WEBHOOK_SECRET } = process.env;
const webhook = new Webhook(WEBHOOK_SECRET);
// Twice the limit of a payload, 2 MiB. By default, Express refuses a body over 100 kB.
const body = express.raw({ type: 'application/json', limit: '4mb' });

function receive(request, response) {
  let payload;
  try {
    // The body as it came: what is parsed and written anew has another signature.
    payload = webhook.verify(request.body, request.headers);
  } catch {
    return response.sendStatus(401);
  }
  accept(request.get('webhook-id'), payload.event, payload.conversation_id);
  response.sendStatus(204);
}

const app = express();
app.route('/webhooks').post(body, receive).patch(body, receive).put(body, receive);

start();
const server = TLS_CERT
  ? createHttpsServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, app)
  : createHttpServer(app);
server.listen(PORT, '127.0.0.1');
