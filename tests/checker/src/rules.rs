//! The promises, one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::{History, Invariant, Request};
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::delivery::history::{Attempted, Entry, Record};
use domain::delivery::message::Message;
use domain::delivery::outcome::OutcomeClass;
use domain::delivery::schedule::{RETRY_AFTER, max_attempts};
use domain::delivery::state::DeliveryState;
use domain::destination::retry::Retry;
use domain::shared::ids::DeliveryId;
use domain::shared::timestamp::Timestamp;

/// Requests may arrive this much closer together than they were sent.
const JITTER: Duration = Duration::from_millis(200);

/// On an idle system, the next request arrives within this time after the end of the previous one.
const LATEST_RETRY: Duration = Duration::from_secs(11);

/// How far an attempt may exceed its limit.
const OVERTIME: Duration = Duration::from_millis(500);

/// A broken promise, the delivery it concerns, and how it was broken.
type Finding<'a> = (Invariant, Option<&'a DeliveryId>, String);

/// The records and requests of one delivery.
struct Case<'a> {
    id: &'a DeliveryId,
    records: &'a [Record],
    /// In order of arrival.
    requests: Vec<&'a Request>,
}

pub(crate) fn all(history: &History) -> Vec<Finding<'_>> {
    let mut found = no_loss(history);
    for case in cases(history) {
        let rules = [
            (Invariant::NoLoss, Vec::from_iter(has_ended(&case))),
            (Invariant::Bound, Vec::from_iter(bound(&case, history.retry))),
            (Invariant::CompleteRecord, complete_record(&case)),
            (Invariant::SilenceAfterSuccess, silence_after_success(&case, history.clocks_differ_by)),
            (Invariant::Spacing, spacing(&case, history)),
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
            Case { id, records, requests }
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

fn bound(case: &Case<'_>, retry: Retry) -> Option<String> {
    let attempts = case.records.iter().filter(|record| !matches!(record.entry, Entry::Closed { .. })).count();
    let requests = case.requests.len();
    let numbers: BTreeSet<_> = case.requests.iter().map(|request| request.attempt).collect();
    if attempts > usize::from(max_attempts(retry)) {
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
        if record.is_none_or(|record| matches!(record.entry, Entry::Closed { .. })) {
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
    let nearest = RETRY_AFTER.saturating_sub(JITTER + history.clocks_differ_by);
    let pairs = case.requests.windows(2).map(|pair| (pair[0], pair[1]));
    let mut wrong = Vec::new();
    for (before, after) in pairs {
        let from = |earlier: Timestamp| after.at.since(earlier);
        let names = format!("from request {} to {}", before.attempt, after.attempt);
        if from(before.at) < nearest {
            wrong.push(format!("{:?} {names}", from(before.at)));
        }
        if history.is_idle && from(before.ended_at) > LATEST_RETRY {
            wrong.push(format!("{:?} {names}, on an idle system", from(before.ended_at)));
        }
    }
    wrong
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
