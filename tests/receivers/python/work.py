"""What the receivers share: an event is stored before it is answered, and worked on after.

It is stored once, by its webhook-id. A thread then fetches its conversation and stores that. What a crash leaves
undone is done after the next start, and what fails is tried again.
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

# Twice what a conversation's record may take, 2 MiB. Frameworks refuse forms of that size unless told.
MAX_FORM_BYTES = 4 * 1024 * 1024

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
    """Call once, when the server starts."""
    with transaction() as db:
        db.executescript(SCHEMA)
    threading.Thread(target=work, daemon=True).start()


def accept(event_id, event, conversation_id):
    """Stores an event, unless it is stored already. After this the delivery may be answered."""
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
            for event_id, conversation_id in undone():
                attempt(event_id, conversation_id)
        except sqlite3.Error as error:
            log.warning("the store cannot be read: %s", error)
        wake.wait(RETRY_SECONDS)


def attempt(event_id, conversation_id):
    try:
        finish(event_id, conversation_id)
    except Exception as error:  # whatever it is, the other events go on, and this one is tried again
        log.warning("event %s waits: %s", event_id, error)


def undone():
    with transaction() as db:
        return db.execute("select id, conversation_id from events where done = 0 order by rowid").fetchall()


def finish(event_id, conversation_id):
    record = fetch(conversation_id)
    with transaction() as db:
        # Where several processes work at once, one of them finds the event undone.
        first = db.execute("update events set done = 1 where id = ? and done = 0", (event_id,)).rowcount == 1
        if first and record is not None:
            # Your CRM, analytics or workflow goes here.
            db.execute(
                "insert into conversations (id, record, updates) values (?, ?, 1)"
                " on conflict (id) do update set record = excluded.record, updates = updates + 1",
                (conversation_id, json.dumps(record)),
            )


def fetch(conversation_id):
    """The latest full record; None where there is no such conversation: asking again would not help."""
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
    """All or nothing, and on disk at its end. A connection of its own, because one belongs to one thread."""
    with closing(sqlite3.connect(DATABASE)) as db, db:
        yield db
