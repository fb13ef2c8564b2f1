// Runs the Next.js route handler for check.py as Next.js would: its functions take a web Request and return a Response.

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Readable } from 'node:stream';

process.env.NEXT_RUNTIME = 'nodejs';
const { PORT, TLS_CERT, TLS_KEY } = process.env;
const handlers = await import('./javascript/next/app/webhooks/route.js');

// A snippet of the guide has no store to start.
const instrumentation = new URL('./javascript/next/instrumentation.js', import.meta.url);
if (existsSync(instrumentation)) await (await import(instrumentation)).register();
createServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, async (incoming, outgoing) => {
  const { method, headers, url } = incoming;
  const body = method === 'GET' ? undefined : Readable.toWeb(incoming);
  const response = await handlers[method](
    new Request(`https://${headers.host}${url}`, { method, headers, body, duplex: 'half' }),
  );
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
}).listen(PORT, '127.0.0.1');
