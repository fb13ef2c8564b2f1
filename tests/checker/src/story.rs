//! Everything known about one delivery, in order.

use crate::history::History;
use domain::delivery::history::{Attempted, Entry};
use domain::shared::ids::DeliveryId;
use domain::shared::timestamp::Timestamp;

/// Returns one line for each record, request and note, in time order.
pub(crate) fn of(history: &History, delivery: &DeliveryId) -> Vec<String> {
    let records = history.records.get(delivery).into_iter().flatten().map(|record| {
        let entry = match &record.entry {
            Entry::Inflight { owner, lease_until } => format!("in flight, {owner:?} until {lease_until}"),
            Entry::Attempted(Attempted { outcome, next_at, .. }) => {
                let (class, took) = (outcome.class.as_ref(), outcome.duration);
                format!("{class} after {took:?}, next at {next_at:?}")
            }
            Entry::Closed { status, reason } => format!("{}: {reason}", status.as_ref()),
        };
        (record.at, format!("record {}: {entry}", record.number))
    });
    let requests = history.requests.iter().filter(|request| request.delivery == *delivery);
    let requests = requests.map(|request| {
        let (attempt, answered, ended) = (request.attempt, request.answered, request.ended_at);
        (request.at, format!("request {attempt}: answered {answered:?} at {ended}"))
    });
    let notes = history.notes.iter().filter(|(_, of, _)| of == delivery);
    let notes = notes.map(|(at, _, note)| (*at, note.clone()));
    let mut lines: Vec<(Timestamp, String)> = records.chain(requests).chain(notes).collect();
    lines.sort_by_key(|(at, _)| *at);
    let lines = lines.into_iter().map(|(at, line)| format!("{at} {line}"));
    std::iter::once(delivery.to_string()).chain(lines).collect()
}
