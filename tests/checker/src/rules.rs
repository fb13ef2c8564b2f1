//! The promises, one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::{History, Invariant, Request};
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::history::{Attempted, Entry, Record};
use domain::delivery::message::Message;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::state::DeliveryState;
use domain::shared::ids::DeliveryId;
use domain::shared::timestamp::Timestamp;

/// The waits between the attempts of a delivery, in seconds, and of one with extended retries.
const STANDARD: &[u64] = &[10, 10, 10];
const EXTENDED: &[u64] = &[10, 10, 10, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400];

/// By how much a `Retry-After` of a destination that is busy (429, 503) may postpone an extended attempt.
const POSTPONED: Duration = Duration::from_secs(60 * 60);

/// How long a claim may take. A record's time is that before its claim.
const CLAIMING: Duration = Duration::from_secs(30);

/// Requests may arrive this much closer together than they were sent.
const JITTER: Duration = Duration::from_millis(200);

/// On an idle system, the next request arrives at most this late.
const LATE: Duration = Duration::from_secs(1);

/// How far an attempt may exceed its limit.
const OVERTIME: Duration = Duration::from_millis(500);

/// A broken promise, the delivery it concerns, and how it was broken.
type Finding<'a> = (Invariant, Option<&'a DeliveryId>, String);

/// The records and requests of one delivery.
struct Case<'a> {
    id: &'a DeliveryId,
    is_extended: bool,
    records: &'a [Record],
    /// In order of arrival.
    requests: Vec<&'a Request>,
}

pub(crate) fn all(history: &History) -> Vec<Finding<'_>> {
    let mut found = no_loss(history);
    for case in cases(history) {
        let rules = [
            (Invariant::NoLoss, Vec::from_iter(has_ended(&case))),
            (Invariant::Bound, Vec::from_iter(bound(&case))),
            (Invariant::CompleteRecord, complete_record(&case)),
            (Invariant::SilenceAfterSuccess, silence_after_success(&case, history.clocks_differ_by)),
            (Invariant::Spacing, spacing(&case, history)),
            (Invariant::Spacing, schedule(&case, history.clocks_differ_by)),
            (Invariant::Bounds, wall_time(&case, history.slowed_by)),
        ];
        for (invariant, wrong) in rules {
            found.extend(wrong.into_iter().map(|what| (invariant, Some(case.id), what)));
        }
    }
    found.extend(secrecy(history));
    found.extend(memory(history));
    found
}

fn cases(history: &History) -> Vec<Case<'_>> {
    let mut requests: BTreeMap<&DeliveryId, Vec<&Request>> = BTreeMap::new();
    for request in &history.requests {
        requests.entry(&request.delivery).or_default().push(request);
    }
    let ids: BTreeSet<_> = history.records.keys().chain(requests.keys().copied()).collect();
    ids.into_iter()
        .map(|id| {
            let records = history.records.get(id).map_or(&[][..], Vec::as_slice);
            let mut requests = requests.remove(id).unwrap_or_default();
            requests.sort_by_key(|request| request.at);
            Case { id, is_extended: history.extended.contains(id), records, requests }
        })
        .collect()
}

fn no_loss(history: &History) -> Vec<Finding<'_>> {
    let missing = history.expected.iter().filter(|&id| history.records.get(id).is_none_or(Vec::is_empty));
    let unexpected = history.records.keys().filter(|id| !history.expected.contains(id));
    let left = history.left.iter().filter(|left| !left.is_dead || Message::parse(&left.body).is_ok());
    let missing = missing.map(|id| (Invariant::NoLoss, Some(id), "the delivery is lost".to_owned()));
    let unexpected =
        unexpected.map(|id| (Invariant::NoLoss, Some(id), "the delivery is not expected".to_owned()));
    let left = left
        .map(|left| (Invariant::NoLoss, None, format!("a message is left in {}: {}", left.queue, left.body)));
    missing.chain(unexpected).chain(left).collect()
}

fn has_ended(case: &Case<'_>) -> Option<String> {
    if let Some(open) = case.records.iter().find(|record| matches!(record.entry, Entry::Inflight { .. })) {
        return Some(format!("record {} is still in flight", open.number));
    }
    let status = DeliveryState::of(case.records)?.status;
    (!status.is_final()).then(|| format!("the delivery has not ended: {}", status.as_ref()))
}

impl Case<'_> {
    fn waits(&self) -> &'static [u64] {
        if self.is_extended { EXTENDED } else { STANDARD }
    }

    /// The wait after an attempt; `None` if it is the last.
    fn wait_after(&self, number: u8) -> Option<Duration> {
        self.waits().get(usize::from(number) - 1).map(|seconds| Duration::from_secs(*seconds))
    }
}

fn bound(case: &Case<'_>) -> Option<String> {
    let attempts = case.records.iter().filter(|record| !is_closed(record)).count();
    let requests = case.requests.len();
    let numbers: BTreeSet<_> = case.requests.iter().map(|request| request.attempt).collect();
    if attempts > case.waits().len() + 1 {
        return Some(format!("{attempts} attempts"));
    }
    if requests > attempts {
        return Some(format!("{requests} requests for {attempts} attempts"));
    }
    (numbers.len() < requests).then(|| format!("{requests} requests with {} numbers", numbers.len()))
}

fn complete_record(case: &Case<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (record, number) in case.records.iter().zip(1u8..) {
        if record.number != number {
            wrong.push(format!("record {number} is numbered {}", record.number));
        }
    }
    for request in &case.requests {
        let record = case.records.iter().find(|record| record.number == request.attempt);
        if record.is_none_or(is_closed) {
            wrong.push(format!("request {} has no record", request.attempt));
        }
    }
    for record in case.records {
        let Entry::Attempted(Attempted { outcome, .. }) = &record.entry else { continue };
        let request = case.requests.iter().find(|request| request.attempt == record.number);
        match request {
            None if proves_arrival(outcome.class) => {
                wrong.push(format!("the request of record {} never arrived", record.number));
            }
            Some(request) if outcome.http_status.is_some() && outcome.http_status != request.answered => {
                let (says, was) = (outcome.http_status, request.answered);
                wrong.push(format!("record {} says {says:?}, but the answer was {was:?}", record.number));
            }
            _ => {}
        }
    }
    if case.requests.iter().any(|request| request.digest != case.requests[0].digest) {
        wrong.push("the attempts carry different payloads".to_owned());
    }
    wrong
}

/// Whether an attempt with this outcome proves that the destination received the request.
fn proves_arrival(class: OutcomeClass) -> bool {
    use OutcomeClass::{
        Blocked, Connect, Dns, HttpError, NoResponse, Protocol, Success, Timeout, Tls, TooLarge, Unknown,
        UrlTooLong,
    };
    match class {
        Success | HttpError | NoResponse | Protocol | TooLarge => true,
        Timeout | Dns | Connect | Tls | Blocked | UrlTooLong | Unknown => false,
    }
}

fn silence_after_success(case: &Case<'_>, clocks_differ_by: Duration) -> Vec<String> {
    let success = case.records.iter().find_map(|record| match &record.entry {
        Entry::Attempted(Attempted { outcome, .. }) if outcome.class == OutcomeClass::Success => {
            Some((record.number, record.at + outcome.duration))
        }
        _ => None,
    });
    let Some((number, recorded_at)) = success else { return Vec::new() };
    let after: Vec<_> = case
        .requests
        .iter()
        .filter(|request| {
            request.attempt > number
                || request.attempt < number && request.at > recorded_at + clocks_differ_by
        })
        .map(|request| format!("request {} follows the success of attempt {number}", request.attempt))
        .collect();
    let more = case.records.iter().filter(|record| record.number > number);
    after
        .into_iter()
        .chain(more.map(|more| format!("record {} follows the success of attempt {number}", more.number)))
        .collect()
}

fn spacing(case: &Case<'_>, history: &History) -> Vec<String> {
    let pairs = case.requests.windows(2).map(|pair| (pair[0], pair[1]));
    let mut wrong = Vec::new();
    for (before, after) in pairs {
        let Some(wait) = case.wait_after(before.attempt) else { continue };
        let from = |earlier: Timestamp| after.at.since(earlier);
        let names = format!("from request {} to {}", before.attempt, after.attempt);
        if from(before.at) < wait.saturating_sub(JITTER + history.clocks_differ_by) {
            wrong.push(format!("{:?} {names}", from(before.at)));
        }
        if history.is_idle && from(before.ended_at) > wait + LATE {
            wrong.push(format!("{:?} {names}, on an idle system", from(before.ended_at)));
        }
    }
    wrong
}

/// What each record says of the next attempt is the schedule, and the next record keeps to it.
fn schedule(case: &Case<'_>, clocks_differ_by: Duration) -> Vec<String> {
    let mut wrong = Vec::new();
    for (record, next) in case.records.iter().zip(case.records.iter().skip(1).map(Some).chain([None])) {
        let Entry::Attempted(Attempted { outcome, next_at, .. }) = &record.entry else { continue };
        let ends = match outcome.class {
            OutcomeClass::Success | OutcomeClass::UrlTooLong => true,
            _ => case.is_extended && outcome.http_status == Some(410),
        };
        let (Some(wait), false) = (case.wait_after(record.number), ends) else {
            wrong.extend(next_at.map(|_| format!("record {} is the last, and has a next", record.number)));
            continue;
        };
        let Some(next_at) = *next_at else {
            wrong.push(format!("record {} is not the last, and has no next", record.number));
            continue;
        };
        let waits = next_at.since(record.at);
        let (least, most) = match outcome.class {
            // It is over when someone finds out, and the first ones are followed at once.
            OutcomeClass::Unknown if wait.as_secs() == STANDARD[0] => (Duration::ZERO, Duration::MAX),
            OutcomeClass::Unknown => (wait, Duration::MAX),
            _ => {
                let asked = retry_after(outcome).filter(|_| case.is_extended).unwrap_or_default();
                let wait = asked.clamp(wait, wait + POSTPONED);
                (wait, wait + outcome.duration + CLAIMING + clocks_differ_by)
            }
        };
        if waits + clocks_differ_by < least || waits > most {
            wrong.push(format!("record {} is followed after {waits:?}, not {least:?}", record.number));
        }
        if next.is_some_and(|next| next.at + clocks_differ_by < next_at && !is_closed(next)) {
            wrong.push(format!("record {} is followed before its next attempt is due", record.number));
        }
    }
    wrong
}

fn is_closed(record: &Record) -> bool {
    matches!(record.entry, Entry::Closed { .. })
}

/// The wait that a busy destination asks for, in seconds; a date is not read.
fn retry_after(outcome: &Outcome) -> Option<Duration> {
    if !matches!(outcome.http_status, Some(429 | 503)) {
        return None;
    }
    let headers = &outcome.response.as_ref()?.headers;
    let (_, value) = headers.iter().find(|(name, _)| name == "retry-after")?;
    value.parse().ok().map(Duration::from_secs)
}

fn wall_time(case: &Case<'_>, slowed_by: Duration) -> Vec<String> {
    let durations = case.records.iter().filter_map(|record| match &record.entry {
        Entry::Attempted(Attempted { outcome, .. }) => Some((record.number, outcome.duration)),
        Entry::Inflight { .. } | Entry::Closed { .. } => None,
    });
    durations
        .filter(|(_, duration)| *duration > ATTEMPT_LIMIT + OVERTIME + slowed_by)
        .map(|(number, duration)| format!("attempt {number} took {duration:?}"))
        .collect()
}

fn secrecy(history: &History) -> Vec<Finding<'_>> {
    let leaks = history.traces.iter().flat_map(|trace| {
        let held = history.canaries.iter().filter(|canary| trace.text.contains(canary.as_str()));
        held.map(|canary| (Invariant::Secrecy, None, format!("{} contains {canary:?}", trace.name)))
    });
    leaks.collect()
}

fn memory(history: &History) -> Option<Finding<'_>> {
    let memory = history.memory.filter(|memory| memory.peak > memory.limit)?;
    let what = format!("{} bytes of memory, but {} are allowed", memory.peak, memory.limit);
    Some((Invariant::Bounds, None, what))
}
