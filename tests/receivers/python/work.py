"""What the receivers share: they store an event before they answer, and process it afterwards.

An event is stored once, by its webhook-id. A thread then fetches its conversation and stores that. Events that a crash
leaves pending are processed after the next start, and those that fail are retried.
"""

import json
import logging
import os
import sqlite3
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing, contextmanager

API = os.environ["RINGBACK_API"]
API_KEY = os.environ["RINGBACK_API_KEY"]
DATABASE = os.environ["DATABASE"]

FETCH_SECONDS = 10
RETRY_SECONDS = 5

SCHEMA = """
create table if not exists events (
    id text primary key,
    event text not null,
    conversation_id text not null,
    done integer not null default 0
);
create table if not exists conversations (
    id text primary key,
    record text not null,
    updates integer not null
);
"""

log = logging.getLogger("receiver")
wake = threading.Event()


def start():
    """Creates the store and starts the worker. Call it once, when the server starts."""
    with transaction() as db:
        db.executescript(SCHEMA)
    threading.Thread(target=work, daemon=True).start()


def accept(event_id, event, conversation_id):
    """Stores an event unless it is stored already. Answer the delivery after this."""
    with transaction() as db:
        db.execute(
            "insert or ignore into events (id, event, conversation_id) values (?, ?, ?)",
            (event_id, event, conversation_id),
        )
    wake.set()


def work():
    while True:
        wake.clear()
        try:
            for event_id, conversation_id in pending():
                attempt(event_id, conversation_id)
        except sqlite3.Error as error:
            log.warning("the store cannot be read: %s", error)
        wake.wait(RETRY_SECONDS)


def attempt(event_id, conversation_id):
    try:
        finish(event_id, conversation_id)
    except Exception as error:  # of any kind: the other events continue, and this one is retried
        log.warning("event %s will be retried: %s", event_id, error)


def pending():
    with transaction() as db:
        return db.execute("select id, conversation_id from events where done = 0 order by rowid").fetchall()


def finish(event_id, conversation_id):
    record = fetch(conversation_id)
    with transaction() as db:
        # If several processes finish an event at once, only one of them marks it as done.
        first = db.execute("update events set done = 1 where id = ? and done = 0", (event_id,)).rowcount == 1
        if first and record is not None:
            # Your CRM, analytics or workflow goes here.
            db.execute(
                "insert into conversations (id, record, updates) values (?, ?, 1)"
                " on conflict (id) do update set record = excluded.record, updates = updates + 1",
                (conversation_id, json.dumps(record)),
            )


def fetch(conversation_id):
    """The latest full record; None if there is no such conversation, because a retry would not help."""
    url = f"{API}/v1/public/conversations/{urllib.parse.quote(conversation_id, safe='')}"
    request = urllib.request.Request(url, headers={"X-API-Key": API_KEY})
    try:
        with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


@contextmanager
def transaction():
    """A transaction, on disk when it ends. It has its own connection, because a connection belongs to one thread."""
    with closing(sqlite3.connect(DATABASE)) as db, db:
        yield db
