// A receiver in Express.

import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';

import express from 'express';
import multer from 'multer';
import { Webhook } from 'standardwebhooks';

import { accept, start } from './work.js';

// Twice the limit of a payload, 2 MiB. By default, multer refuses a field over 1 MB.
const MAX_FIELD_BYTES = 4 * 1024 * 1024;

const { PORT, TLS_CERT, TLS_KEY, WEBHOOK_SECRET } = process.env;
const webhook = new Webhook(WEBHOOK_SECRET);
const form = multer({ limits: { fieldSize: MAX_FIELD_BYTES } }).none();

function receive(request, response) {
  const fields = request.method === 'GET' ? request.query : request.body;
  let payload;
  try {
    // What is signed is the field's value, not the request's body.
    payload = webhook.verify(fields.payload, request.headers);
  } catch {
    return response.sendStatus(401);
  }
  // From the payload, because the field `event` is not signed.
  accept(request.get('webhook-id'), payload.event, payload.conversation_id);
  response.sendStatus(204);
}

const app = express();
app.route('/webhooks').get(receive).post(form, receive).patch(form, receive).put(form, receive);

start();
const server = TLS_CERT
  ? createHttpsServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, app)
  : createHttpServer(app);
server.listen(PORT, '127.0.0.1');
