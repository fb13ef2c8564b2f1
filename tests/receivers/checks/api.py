"""A fake of Ringback's API that fails and hangs on demand."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from checks.deliveries import record_of

API_KEY = "vk_of_the_receiver"


class Api:
    """A fake of Ringback's API: every conversation exists unless its id starts with `missing`."""

    def __init__(self):
        self.fetches = []
        self.failures = 0
        self.open = threading.Event()
        self.open.set()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = api.answer(self.path, self.headers["X-API-Key"])
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the receiver was killed meanwhile

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path, key):
        conversation = unquote(path.removeprefix("/v1/public/conversations/"))
        self.fetches.append(conversation)
        self.open.wait()
        if self.failures > 0:
            self.failures -= 1
            return 503, b""
        if key != API_KEY:
            return 401, b""
        if conversation.startswith("missing"):
            return 404, b""
        return 200, json.dumps(record_of(conversation)).encode()
