"""What every receiver has to do. A check is a function of a running receiver."""

from concurrent.futures import ThreadPoolExecutor

from checks.deliveries import (
    MAX_RECORD_BYTES,
    MAX_URL_BYTES,
    OTHER_SECRET,
    SECRET,
    TOLERANCE_SECONDS,
    payload_of,
    target_of,
)
from checks.receiver import COMMANDS, wait_for


def every_request_type_is_taken(receiver):
    for method in receiver.methods:
        receiver.deliver(f"evt_{method}", f"by {method}/1", method=method)
        receiver.finishes(f"evt_{method}", f"by {method}/1")


def a_repeat_updates_nothing(receiver):
    for method in receiver.methods[:2]:
        event_id, conversation = f"evt_thrice_{method}", f"thrice-{method}"
        with ThreadPoolExecutor(2) as pool:
            for delivery in [pool.submit(receiver.deliver, event_id, conversation, method=method) for _ in range(2)]:
                delivery.result()
        receiver.deliver(event_id, conversation, method=method)
        # Events are processed in order: when this one is done, so are all before it.
        receiver.deliver(f"evt_after_{method}", f"after-{method}")
        receiver.finishes(f"evt_after_{method}", f"after-{method}")
        receiver.finishes(event_id, conversation)
        fetches = receiver.api.fetches.count(conversation)
        assert fetches == 1, f"{conversation} was fetched {fetches} times"


def a_signature_that_is_not_right_is_refused(receiver):
    before = receiver.read()
    payload = payload_of("forged")
    flipped = payload.replace("completed", "completec")
    for method in receiver.methods[:2]:
        for what, options in {
            "another secret": {"secrets": [OTHER_SECRET]},
            "a flipped payload": {"payload": flipped, "sign": payload},
            "an old timestamp": {"age": TOLERANCE_SECONDS + 1},
            "a future timestamp": {"age": -2 * TOLERANCE_SECONDS},
            "an empty signature": {"header": ""},
            "not a signature": {"header": "nonsense"},
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
    if "GET" in receiver.methods:
        payload = payload_of("long")
        room = MAX_URL_BYTES - len(f"https://localhost:{receiver.port}{target_of(payload)}")
        payload = payload_of("long", bytes=len(payload.encode()) + room)
        receiver.deliver("evt_long", "long", method="GET", payload=payload)
        receiver.finishes("evt_long", "long")
    # A payload holds the record and the name of the event.
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
    receiver.deliver("evt_crash", "crash")  # which proves that the answer does not wait for the fetch
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
        return  # SQLite takes care of it
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
