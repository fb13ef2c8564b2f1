"""Servers under test, and receivers with their store and their fake of the API."""

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection

from checks.api import API_KEY, Api
from checks.deliveries import SECRET, form_of, json_of, payload_of, record_of, signed, target_of

COMMANDS = {
    "flask": [sys.executable, "python/flask_receiver.py"],
    "fastapi": [sys.executable, "python/fastapi_receiver.py"],
    "django": [sys.executable, "python/django_receiver.py"],
    "express": ["node", "javascript/express.js"],
    "next": ["node", "serve-next.js"],
    "flask-json": [sys.executable, "python/json_receiver.py"],
    "express-json": ["node", "javascript/express-json.js"],
}
PATIENCE_SECONDS = 60


class Server:
    """A server under test. Its folder has a certificate, for those that speak https."""

    def __init__(self, name, command, folder, environment, https=True):
        self.name, self.command, self.folder = name, command, folder
        # A receiver of JSON says so in its name.
        self.takes_json = "json" in name
        self.methods = ["POST", "PATCH", "PUT"] if self.takes_json else ["POST", "GET", "PATCH", "PUT"]
        self.log = folder / f"{name}.log"
        self.port = free_port()
        self.environment = {"PORT": str(self.port), "WEBHOOK_SECRET": SECRET} | environment
        self.tls = None
        if https:
            self.environment |= {"TLS_CERT": str(folder / "cert.pem"), "TLS_KEY": str(folder / "key.pem")}
            self.tls = ssl.create_default_context(cafile=folder / "cert.pem")
        self.process = None

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=os.environ | self.environment, stdout=log, stderr=log
            )
        wait_for(self.listens, "the receiver listens")

    def listens(self):
        assert self.process.poll() is None, f"the receiver exited with {self.process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def connect(self):
        if self.tls is None:
            return HTTPConnection("127.0.0.1", self.port, timeout=30)
        return HTTPSConnection("localhost", self.port, context=self.tls, timeout=30)

    def send(self, event_id, conversation, method="POST", payload=None, **signing):
        """Sends a delivery as Ringback does; returns the status."""
        payload = payload or payload_of(conversation)
        headers = {"webhook-attempt": "1"} | signed(event_id, signing.pop("sign", payload), **signing)
        target, body = "/webhooks", None
        if method == "GET":
            target = target_of(payload)
        else:
            body, headers["content-type"] = json_of(payload) if self.takes_json else form_of(payload)
        with closing(self.connect()) as connection:
            connection.request(method, target, body, headers)
            return connection.getresponse().status

    def deliver(self, event_id, conversation, **options):
        status = self.send(event_id, conversation, **options)
        assert 200 <= status < 300, f"{event_id} was answered {status}"


class Receiver(Server):
    """A receiver with its API and its store."""

    def __init__(self, name, folder):
        self.api = Api()
        self.store = folder / f"{name}.store"
        environment = {
            "RINGBACK_API": self.api.url,
            "RINGBACK_API_KEY": API_KEY,
            "DATABASE": str(self.store),
        }
        super().__init__(name, COMMANDS[name], folder, environment)

    def events(self):
        """By event: its name, its conversation, and whether it is done."""
        return self.read()[0]

    def conversations(self):
        """By conversation: its record, and how often it was updated."""
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
        """Waits until the event is done, and asserts that its conversation was updated once."""
        wait_for(lambda: self.events()[event_id][2], f"{event_id} is done")
        assert self.events()[event_id] == ("conversation.completed", conversation, True)
        record, updates = self.conversations()[conversation]
        assert record == record_of(conversation), f"{conversation} is {record}"
        assert updates == 1, f"{conversation} was updated {updates} times"


def read_lines(store):
    """Reads the store of work.js into the form of the tables."""
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


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
