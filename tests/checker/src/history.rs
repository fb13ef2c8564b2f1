//! Everything that a test saw of a system, and the promises that it is checked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::delivery::history::Record;
use domain::shared::ids::DeliveryId;
use domain::shared::timestamp::Timestamp;

/// Everything that was seen of a system that is quiet now.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The deliveries that have to be: one for each accepted event and each destination that it was for.
    pub expected: BTreeSet<DeliveryId>,
    /// The Delivery Logs: every record of every delivery, in order.
    pub records: BTreeMap<DeliveryId, Vec<Record>>,
    /// What the destinations saw, in any order.
    pub requests: Vec<Request>,
    /// What is left in the queues.
    pub left: Vec<Left>,
    /// What nobody may find in [`traces`](Self::traces).
    pub canaries: Vec<String>,
    /// What was logged, answered and put into queues.
    pub traces: Vec<Trace>,
    /// The most memory that a process of ours took, and what it may take.
    pub memory: Option<Memory>,
    /// How far the clocks of those who wrote the records may be from the destinations' own.
    pub clocks_differ_by: Duration,
    /// How much longer than usual an attempt may take, where the machine has more to do than it can.
    pub slowed_by: Duration,
    /// Nothing held the system up: a retry comes when it is due.
    pub is_idle: bool,
    /// What a test knows besides, for the story of a delivery that went wrong.
    pub notes: Vec<(Timestamp, DeliveryId, String)>,
}

/// One request as a destination saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// When the destination was done with it: with its answer, or with waiting.
    pub ended_at: Timestamp,
    /// The delivery.
    pub delivery: DeliveryId,
    /// What its header `webhook-attempt` says.
    pub attempt: u8,
    /// Stands for the bytes of its payload.
    pub digest: u64,
    /// The status it was answered with, if any.
    pub answered: Option<u16>,
}

/// A message that is left in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The queue.
    pub queue: String,
    /// It is the queue of dead letters, where what cannot be read stays.
    pub is_dead: bool,
    /// What it says.
    pub body: String,
}

/// Something that people or programs can read.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What it is.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// The most that was taken.
    pub peak: u64,
    /// What may be taken.
    pub limit: u64,
}

/// One of the promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1: every expected delivery is there, has ended, and no message is left.
    NoLoss,
    /// I2: requests ≤ attempts ≤ 4, and no number is used twice.
    Bound,
    /// I3: attempts are numbered without a gap, and records and requests say the same.
    CompleteRecord,
    /// I4: no request after a recorded success.
    SilenceAfterSuccess,
    /// I5: ten seconds between the requests of a delivery.
    Spacing,
    /// I7: no secret, phone number or transcript where it does not belong.
    Secrecy,
    /// I8: no attempt takes longer, and no process takes more memory, than it may.
    Bounds,
}
