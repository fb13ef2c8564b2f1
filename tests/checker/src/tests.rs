//! The checker detects every breach: a history without one, and mutations that each break a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::history::*;
use domain::delivery::history::{Attempted, Entry, Owner, Record};
use domain::delivery::message::Message;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::record::DeliveryStatus;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::sample;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn second(number: u64) -> Timestamp {
    START + Duration::from_secs(number)
}

fn id() -> DeliveryId {
    sample::delivery().id
}

fn record(number: u8, at: Timestamp, status: u16, next_at: Option<Timestamp>) -> Record {
    let class = if status == 200 { OutcomeClass::Success } else { OutcomeClass::HttpError };
    let outcome = Outcome { http_status: Some(status), ..Outcome::failed(class, "", Duration::from_secs(1)) };
    Record {
        number,
        at,
        entry: Entry::Attempted(Attempted { outcome, next_at, trimmed: vec![], signature: None }),
    }
}

fn request(attempt: u8, at: Timestamp, status: u16) -> Request {
    let ended_at = at + Duration::from_secs(1);
    Request { at, ended_at, delivery: id(), attempt, digest: 7, answered: Some(status) }
}

/// A history without a breach: an attempt fails, and ten seconds after its end another succeeds.
fn intact() -> History {
    let records = vec![record(1, second(0), 500, Some(second(11))), record(2, second(11), 200, None)];
    History {
        expected: BTreeSet::from([id()]),
        records: BTreeMap::from([(id(), records)]),
        requests: vec![request(1, second(0), 500), request(2, second(11), 200)],
        canaries: vec!["hunter2".to_owned()],
        traces: vec![Trace { name: "the log".to_owned(), text: "all is well".to_owned() }],
        memory: Some(Memory { peak: 1, limit: 1 }),
        is_idle: true,
        ..History::default()
    }
}

fn records(history: &mut History) -> &mut Vec<Record> {
    history.records.entry(id()).or_default()
}

/// A history without a breach: this number of attempts of an extended delivery fail.
fn extended(attempts: usize) -> History {
    let waits = [10, 10, 10, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400, 1];
    let (mut history, mut at) = (History { extended: BTreeSet::from([id()]), ..intact() }, second(0));
    history.is_idle = false;
    (*records(&mut history), history.requests) = Default::default();
    for (number, wait) in (1..).zip(waits.into_iter().chain([1])).take(attempts) {
        let next_at = (number < 11).then(|| at + Duration::from_secs(wait));
        records(&mut history).push(record(number, at, 500, next_at));
        history.requests.push(request(number, at, 500));
        at = at + Duration::from_secs(wait);
    }
    history
}

fn next_at(history: &mut History, index: usize) -> &mut Option<Timestamp> {
    match &mut records(history)[index].entry {
        Entry::Attempted(attempted) => &mut attempted.next_at,
        other => panic!("{other:?}"),
    }
}

fn outcome(record: &mut Record) -> &mut Outcome {
    match &mut record.entry {
        Entry::Attempted(attempted) => &mut attempted.outcome,
        other => panic!("{other:?}"),
    }
}

fn left(is_dead: bool, body: &str) -> RemainingMessage {
    RemainingMessage { queue: "deliveries".to_owned(), is_dead, body: body.to_owned() }
}

/// A way to break a history.
type Mutation = fn(&mut History);

#[test]
fn a_history_in_which_all_is_well_has_no_breach() {
    assert_kept(&intact());
    assert_kept(&extended(11));
    let mut poison = intact();
    poison.left.push(left(true, "not ours"));
    assert_kept(&poison);
}

#[test]
fn every_invariant_has_histories_that_break_it() {
    use Invariant::{Bound, Bounds, CompleteRecord, NoLoss, Secrecy, SilenceAfterSuccess, Spacing};
    let mutations: [(Invariant, &str, Mutation); 31] = [
        (NoLoss, "the delivery is lost", |h| {
            *h = History { expected: h.expected.clone(), ..History::default() }
        }),
        (NoLoss, "the delivery is not expected", |h| h.expected.clear()),
        (NoLoss, "has not ended: retrying", |h| {
            records(h).pop();
            h.requests.pop();
        }),
        (NoLoss, "record 2 is still in flight", |h| {
            let entry = Entry::Inflight { owner: Owner::new("dead", 0), lease_until: second(30) };
            records(h)[1].entry = entry;
        }),
        (NoLoss, "left in deliveries", |h| {
            h.left.push(left(false, &Message::Delivery(sample::delivery_message()).body()));
        }),
        (NoLoss, "left in deliveries: ?", |h| {
            h.left.push(left(false, "?"));
        }),
        (NoLoss, "left in deliveries: {", |h| {
            h.left.push(left(true, &Message::Event(sample::event_message()).body()));
        }),
        (Bound, "5 attempts", |h| {
            *records(h) = (1..=5).map(|n| record(n, second(11 * u64::from(n)), 500, None)).collect();
            h.requests = (1..=5).map(|n| request(n, second(11 * u64::from(n)), 500)).collect();
        }),
        (Bound, "3 requests for 2 attempts", |h| h.requests.push(request(3, second(30), 200))),
        (Bound, "2 requests with 1 numbers", |h| h.requests[1].attempt = 1),
        (CompleteRecord, "record 2 is numbered 3", |h| records(h)[1].number = 3),
        (CompleteRecord, "request 3 has no record", |h| h.requests[1].attempt = 3),
        (CompleteRecord, "request 2 has no record", |h| {
            let (status, reason) = (DeliveryStatus::Cancelled, String::new());
            records(h)[1].entry = Entry::Closed { status, reason };
        }),
        (CompleteRecord, "the request of record 2 never arrived", |h| {
            h.requests.pop();
        }),
        (CompleteRecord, "the answer was Some(503)", |h| h.requests[0].answered = Some(503)),
        (CompleteRecord, "different payloads", |h| h.requests[1].digest = 8),
        (SilenceAfterSuccess, "request 2 follows the success of attempt 1", |h| {
            *outcome(&mut records(h)[0]) = outcome(&mut records(h)[1]).clone();
        }),
        (SilenceAfterSuccess, "request 1 follows the success of attempt 2", |h| {
            h.requests[0].at = second(25);
        }),
        (Spacing, "9s from request 1 to 2", |h| h.requests[1].at = second(9)),
        (Spacing, "12s from request 1 to 2, on an idle system", |h| h.requests[1].at = second(13)),
        (Spacing, "record 1 is followed after 9s, not 10s", |h| *next_at(h, 0) = Some(second(9))),
        (Spacing, "record 1 is followed after 42s, not 10s", |h| *next_at(h, 0) = Some(second(42))),
        (Spacing, "record 1 is not the last, and has no next", |h| *next_at(h, 0) = None),
        (Spacing, "record 2 is the last, and has a next", |h| *next_at(h, 1) = Some(second(21))),
        (Spacing, "before its next attempt is due", |h| records(h)[1].at = second(10)),
        (Bound, "12 attempts", |h| *h = extended(12)),
        (Spacing, "1799s from request 6 to 7", |h| {
            *h = extended(11);
            h.requests[6].at = h.requests[5].at + Duration::from_secs(1_799);
        }),
        (Spacing, "record 10 is followed after 43200s, not 86400s", |h| {
            *h = extended(11);
            *next_at(h, 9) = Some(records(h)[9].at + Duration::from_secs(43_200));
        }),
        (Secrecy, "the log contains \"hunter2\"", |h| h.traces[0].text.push_str(", hunter2")),
        (Bounds, "attempt 1 took 10.501s", |h| {
            outcome(&mut records(h)[0]).duration = Duration::from_millis(10_501);
        }),
        (Bounds, "2 bytes of memory", |h| h.memory = Some(Memory { peak: 2, limit: 1 })),
    ];
    for (invariant, what, mutate) in mutations {
        let mut history = intact();
        mutate(&mut history);
        let breaches = check(&history);
        let matches = |breach: &Breach| breach.invariant == invariant && breach.what.contains(what);
        assert!(breaches.iter().any(matches), "{what}: {breaches:?}");
    }
}

#[test]
fn a_breach_tells_the_story_of_its_delivery_in_order() {
    let mut history = intact();
    history.notes.push((second(5), id(), "the worker was killed".to_owned()));
    history.requests[1].at = second(9);
    let breach = check(&history).remove(0).to_string();
    let lines: Vec<_> = breach.lines().map(str::trim).collect();
    assert_eq!(lines[0], "Spacing: 9s from request 1 to 2");
    assert_eq!(lines[1], id().to_string());
    let starts = ["record 1", "request 1", "the worker", "request 2", "record 2"];
    for (line, start) in lines[2..].iter().zip(starts) {
        let (_, what) = line.split_once(' ').unwrap();
        assert!(what.starts_with(start), "{breach}");
    }
}
