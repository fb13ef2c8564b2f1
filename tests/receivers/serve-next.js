// Runs the Next.js route handler for check.py as Next.js would: its functions take a web Request and return a Response.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Readable } from 'node:stream';

process.env.NEXT_RUNTIME = 'nodejs';
const { PORT, TLS_CERT, TLS_KEY } = process.env;
const { register } = await import('./javascript/next/instrumentation.js');
const handlers = await import('./javascript/next/app/webhooks/route.js');

await register();
createServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, async (incoming, outgoing) => {
  const { method, headers, url } = incoming;
  const body = method === 'GET' ? undefined : Readable.toWeb(incoming);
  const response = await handlers[method](
    new Request(`https://${headers.host}${url}`, { method, headers, body, duplex: 'half' }),
  );
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
}).listen(PORT, '127.0.0.1');
