"""Runs every Python and JavaScript receiver over https, with an API that fails and hangs on demand.

python tests/receivers/check.py [NAME...], in an environment that has python/requirements.txt. Needs Node 20.10, npm
and openssl besides. It runs a copy, so nothing is written here.
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlencode

COMMANDS = {
    "flask": [sys.executable, "python/flask_receiver.py"],
    "fastapi": [sys.executable, "python/fastapi_receiver.py"],
    "django": [sys.executable, "python/django_receiver.py"],
    "express": ["node", "javascript/express.js"],
    "next": ["node", "serve-next.js"],
}
SECRET = "whsec_" + base64.b64encode(b"the secret of the destination").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"the one that came after it").decode()
API_KEY = "vk_of_the_receiver"

# Ringback's limits: of a GET's URL, and of a conversation's record.
MAX_URL_BYTES = 8000
MAX_RECORD_BYTES = 2 * 1024 * 1024
# Standard Webhooks: a signature is good for five minutes, and for clocks that differ as much.
TOLERANCE_SECONDS = 300
PATIENCE_SECONDS = 60


class Api:
    """Plays Ringback's API: any conversation exists whose id does not start with `missing`."""

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


class Receiver:
    """A server under test, its API and its store."""

    def __init__(self, name, folder):
        self.name, self.folder, self.api = name, folder, Api()
        self.store = folder / f"{name}.store"
        self.log = folder / f"{name}.log"
        self.port = free_port()
        self.tls = ssl.create_default_context(cafile=folder / "cert.pem")
        self.process = None

    def start(self):
        environment = {
            **os.environ,
            "PORT": str(self.port),
            "WEBHOOK_SECRET": SECRET,
            "RINGBACK_API": self.api.url,
            "RINGBACK_API_KEY": API_KEY,
            "DATABASE": str(self.store),
            "TLS_CERT": str(self.folder / "cert.pem"),
            "TLS_KEY": str(self.folder / "key.pem"),
        }
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                COMMANDS[self.name], cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        wait_for(self.listens, "it listens")

    def listens(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def send(self, event_id, conversation, method="POST", payload=None, **signing):
        """Sends a delivery as Ringback does, and returns the status."""
        payload = payload or payload_of(conversation)
        headers = {"webhook-attempt": "1"} | signed(event_id, signing.pop("sign", payload), **signing)
        target, body = "/webhooks", None
        if method == "GET":
            target = target_of(payload)
        else:
            body, headers["content-type"] = form_of(payload)
        with closing(HTTPSConnection("localhost", self.port, context=self.tls, timeout=30)) as connection:
            connection.request(method, target, body, headers)
            return connection.getresponse().status

    def deliver(self, event_id, conversation, **options):
        status = self.send(event_id, conversation, **options)
        assert 200 <= status < 300, f"{event_id} was answered {status}"

    def events(self):
        """Of each event: its name, its conversation, whether it is done."""
        return self.read()[0]

    def conversations(self):
        """Of each conversation: its record, and how often it was updated."""
        return self.read()[1]

    def read(self):
        if COMMANDS[self.name][0] == "node":
            return read_lines(self.store)
        with closing(sqlite3.connect(self.store)) as db:
            events = db.execute("select id, event, conversation_id, done from events").fetchall()
            conversations = db.execute("select id, record, updates from conversations").fetchall()
        return (
            {id: (event, conversation, bool(done)) for id, event, conversation, done in events},
            {id: (json.loads(record), updates) for id, record, updates in conversations},
        )

    def finishes(self, event_id, conversation):
        """Waits until the event is done, and asserts that its conversation is there, updated once."""
        wait_for(lambda: self.events()[event_id][2], f"{event_id} is done")
        assert self.events()[event_id] == ("conversation.completed", conversation, True)
        record, updates = self.conversations()[conversation]
        assert record == record_of(conversation), f"{conversation} is {record}"
        assert updates == 1, f"{conversation} was updated {updates} times"


def read_lines(store):
    """The store of work.js, in the form of the tables."""
    events, conversations = {}, {}
    for line in store.read_text().split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("done"):
            name, conversation, _ = events[entry["id"]]
            events[entry["id"]] = (name, conversation, True)
            if entry["record"] is not None:
                _, updates = conversations.get(conversation, (None, 0))
                conversations[conversation] = (entry["record"], updates + 1)
        else:
            assert entry["id"] not in events, f"{entry['id']} was stored twice"
            events[entry["id"]] = (entry["event"], entry["conversation_id"], False)
    return events, conversations


# What Ringback sends.


def record_of(conversation):
    return {"conversation_id": conversation, "conversation_status": "COMPLETED", "notes": "Grüße ✓"}


def payload_of(conversation, notes="“Über & out” + 100 % =\n☎", bytes=0):
    payload = {"event": "conversation.completed", "conversation_id": conversation, "notes": notes}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.replace("☎", "☎" + "a" * (bytes - len(text.encode())))


def signature(secret, event_id, timestamp, payload):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{timestamp}.{payload}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed(event_id, payload, secrets=(SECRET,), age=0, header=None):
    timestamp = int(time.time()) - age
    signatures = [signature(secret, event_id, timestamp, payload) for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures) if header is None else header,
    }


def target_of(payload):
    return "/webhooks?" + urlencode({"event": "conversation.completed", "payload": payload})


def form_of(payload):
    parts = [("event", "conversation.completed"), ("payload", payload)]
    body = "".join(
        f'--ringback-1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    )
    return (body + "--ringback-1--\r\n").encode(), "multipart/form-data; boundary=ringback-1"


# What a receiver has to do.


def every_request_type_is_taken(receiver):
    for method in ("GET", "POST", "PATCH", "PUT"):
        receiver.deliver(f"evt_{method}", f"by {method}/1", method=method)
        receiver.finishes(f"evt_{method}", f"by {method}/1")


def a_repeat_updates_nothing(receiver):
    for method in ("GET", "POST"):
        event_id, conversation = f"evt_thrice_{method}", f"thrice-{method}"
        with ThreadPoolExecutor(2) as pool:
            for delivery in [pool.submit(receiver.deliver, event_id, conversation, method=method) for _ in range(2)]:
                delivery.result()
        receiver.deliver(event_id, conversation, method=method)
        # Events are worked on in their order: when this one is done, so is all that came before.
        receiver.deliver(f"evt_after_{method}", f"after-{method}")
        receiver.finishes(f"evt_after_{method}", f"after-{method}")
        receiver.finishes(event_id, conversation)
        fetches = receiver.api.fetches.count(conversation)
        assert fetches == 1, f"{conversation} was fetched {fetches} times"


def a_signature_that_is_not_right_is_refused(receiver):
    before = receiver.read()
    payload = payload_of("forged")
    flipped = payload.replace("completed", "completec")
    for method in ("GET", "POST"):
        for what, options in {
            "another secret": {"secrets": [OTHER_SECRET]},
            "a flipped payload": {"payload": flipped, "sign": payload},
            "an old timestamp": {"age": TOLERANCE_SECONDS + 1},
            "a timestamp to come": {"age": -2 * TOLERANCE_SECONDS},
            "no signature": {"header": ""},
            "no signature at all": {"header": "nonsense"},
            "half a signature": {"header": "v1,AAA"},
            "a version without a signature": {"header": "v1"},
        }.items():
            status = receiver.send("evt_forged", "forged", method=method, **options)
            assert status in (400, 401), f"{what} by {method} was answered {status}"
    assert receiver.read() == before, "a forged event was stored"


def one_good_signature_of_several_is_enough(receiver):
    for number, secrets in enumerate([(SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET)]):
        receiver.deliver(f"evt_rotated_{number}", f"rotated-{number}", secrets=secrets)
        receiver.finishes(f"evt_rotated_{number}", f"rotated-{number}")


def the_longest_url_and_the_largest_record_are_taken(receiver):
    payload = payload_of("long")
    room = MAX_URL_BYTES - len(f"https://localhost:{receiver.port}{target_of(payload)}")
    payload = payload_of("long", bytes=len(payload.encode()) + room)
    receiver.deliver("evt_long", "long", method="GET", payload=payload)
    receiver.finishes("evt_long", "long")
    # A payload has the record and the name of the event.
    receiver.deliver("evt_large", "large", payload=payload_of("large", bytes=MAX_RECORD_BYTES + 1024))
    receiver.finishes("evt_large", "large")


def a_conversation_that_is_not_there_is_done_with(receiver):
    receiver.deliver("evt_missing", "missing-1")
    wait_for(lambda: receiver.events()["evt_missing"][2], "evt_missing is done")
    assert "missing-1" not in receiver.conversations()


def a_fetch_that_fails_is_tried_again(receiver):
    receiver.api.failures = 1
    receiver.deliver("evt_unlucky", "unlucky")
    receiver.finishes("evt_unlucky", "unlucky")
    assert receiver.api.fetches.count("unlucky") > 1


def what_a_crash_leaves_undone_is_done_after_it(receiver):
    receiver.api.open.clear()
    receiver.deliver("evt_crash", "crash")  # so the answer waits for no fetch
    wait_for(lambda: "crash" in receiver.api.fetches, "the fetch begins")
    receiver.kill()
    assert not receiver.events()["evt_crash"][2]
    receiver.api.open.set()
    receiver.start()
    receiver.finishes("evt_crash", "crash")
    receiver.deliver("evt_crash", "crash")
    receiver.deliver("evt_after_crash", "after-crash")
    receiver.finishes("evt_after_crash", "after-crash")
    receiver.finishes("evt_crash", "crash")


def a_line_that_a_crash_cut_off_spoils_no_other(receiver):
    if COMMANDS[receiver.name][0] != "node":
        return  # SQLite sees to it
    receiver.kill()
    with receiver.store.open("a") as store:
        store.write('\n{"id":"evt_cut","event":"conver')
    receiver.start()
    receiver.deliver("evt_cut", "cut")
    receiver.finishes("evt_cut", "cut")


CHECKS = [
    every_request_type_is_taken,
    a_repeat_updates_nothing,
    a_signature_that_is_not_right_is_refused,
    one_good_signature_of_several_is_enough,
    the_longest_url_and_the_largest_record_are_taken,
    a_conversation_that_is_not_there_is_done_with,
    a_fetch_that_fails_is_tried_again,
    what_a_crash_leaves_undone_is_done_after_it,
    a_line_that_a_crash_cut_off_spoils_no_other,
]


def run(name, folder):
    """One receiver through all checks; it has failed at the first that fails."""
    receiver, began = Receiver(name, folder), time.monotonic()
    check = receiver.start
    try:
        receiver.start()
        for check in CHECKS:
            check(receiver)
        print(f"{name}: {len(CHECKS)} checks in {time.monotonic() - began:.1f} s", flush=True)
        return True
    except Exception:
        log = receiver.log.read_text()[-4000:] if receiver.log.exists() else ""
        print(f"{name}: FAILED: {check.__name__}\n{traceback.format_exc()}{log}", flush=True)
        return False
    finally:
        receiver.kill()


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s until {what}"
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(folder, names):
    here = Path(__file__).resolve().parent
    shutil.copytree(here, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "1",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if any(COMMANDS[name][0] == "node" for name in names):
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock"]
        subprocess.run(install, cwd=folder / "javascript", check=True)


def main():
    names = sys.argv[1:] or list(COMMANDS)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(names)) as pool:
        prepare(Path(folder), names)
        results = list(pool.map(lambda name: run(name, Path(folder)), names))
    passed = sum(results)
    print(f"receivers: {passed} passed, {len(results) - passed} failed")
    sys.exit(passed < len(results))


if __name__ == "__main__":
    main()
