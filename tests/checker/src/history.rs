//! Everything that a test observed of a system, and the promises it is checked against.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::delivery::history::Record;
use domain::shared::ids::DeliveryId;
use domain::shared::timestamp::Timestamp;

/// Everything that a test observed of a system that is now idle.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The deliveries that must exist: one for each accepted event and each destination it was meant for.
    pub expected: BTreeSet<DeliveryId>,
    /// The Delivery Logs: every record of every delivery, in order.
    pub records: BTreeMap<DeliveryId, Vec<Record>>,
    /// The requests that the destinations received, in any order.
    pub requests: Vec<Request>,
    /// The messages left in the queues.
    pub left: Vec<RemainingMessage>,
    /// Secret texts that must not appear in [`traces`](Self::traces).
    pub canaries: Vec<String>,
    /// Log lines, responses and queue messages.
    pub traces: Vec<Trace>,
    /// The peak memory of our processes, and its limit.
    pub memory: Option<Memory>,
    /// How far the clocks of the record writers may differ from the destinations' clock.
    pub clocks_differ_by: Duration,
    /// How much longer than usual an attempt may take on an overloaded machine.
    pub slowed_by: Duration,
    /// Whether the system had no backlog, so that retries are made when due.
    pub is_idle: bool,
    /// The deliveries with extended retries.
    pub extended: BTreeSet<DeliveryId>,
    /// Further facts that a test knows, for the story of a delivery that broke a promise.
    pub notes: Vec<(Timestamp, DeliveryId, String)>,
}

/// One request as a destination received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// When it was answered or ended without an answer.
    pub ended_at: Timestamp,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The value of its header `webhook-attempt`.
    pub attempt: u8,
    /// A hash of its payload's bytes.
    pub digest: u64,
    /// The status it was answered with, if any.
    pub answered: Option<u16>,
}

/// A message that is left in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemainingMessage {
    /// The queue.
    pub queue: String,
    /// Whether it is the dead-letter queue, where unreadable messages stay.
    pub is_dead: bool,
    /// Its body.
    pub body: String,
}

/// A text that people or programs can read.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Where it was found.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// The most memory used.
    pub peak: u64,
    /// The most memory allowed.
    pub limit: u64,
}

/// One of the promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1: every expected delivery exists and has ended, and no message is left.
    NoLoss,
    /// I2: requests ≤ attempts ≤ 4, or 11 with extended retries, and no number is used twice.
    Bound,
    /// I3: attempts are numbered without a gap, and records agree with requests.
    CompleteRecord,
    /// I4: no request after a recorded success.
    SilenceAfterSuccess,
    /// I5: requests of a delivery are as far apart as its retries say.
    Spacing,
    /// I7: no secret, phone number or transcript where it does not belong.
    Secrecy,
    /// I8: no attempt exceeds its time limit, and no process its memory limit.
    Bounds,
}
