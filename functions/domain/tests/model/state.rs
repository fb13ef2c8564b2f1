//! One state of a delivery: its records, its messages, and its workers' next steps.
//!
//! Time is abstract: a due time either lies ahead or has passed.

use std::time::Duration;

use domain::delivery::history::{Attempted, Entry, Owner, Record};
use domain::delivery::ledger::CompletedAttempt;
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::schedule::max_attempts;
use domain::destination::retry::Retry;
use domain::shared::timestamp::Timestamp;

use crate::explore;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const AHEAD: Timestamp = Timestamp::from_millis(1_000_001);

/// One record, numbered by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// Claimed by a live worker, or by a dead one (`None`).
    Inflight {
        owner: Option<usize>,
        is_expired: bool,
    },
    Failed {
        is_due: bool,
    },
    Succeeded,
    Exhausted,
}

impl Slot {
    /// Returns the record as the ledger stores it.
    fn record(self, number: u8) -> Record {
        let attempted = |class, next_at| {
            let outcome = Outcome::failed(class, "", Duration::ZERO);
            Entry::Attempted(Attempted { outcome, next_at, trimmed: vec![], signature: None })
        };
        let entry = match self {
            Self::Inflight { owner, is_expired } => {
                let lease_until = if is_expired { NOW } else { AHEAD };
                Entry::Inflight { owner: owner.map_or_else(|| dead(number), alive), lease_until }
            }
            Self::Failed { is_due } => {
                attempted(OutcomeClass::HttpError, Some(if is_due { NOW } else { AHEAD }))
            }
            Self::Succeeded => attempted(OutcomeClass::Success, None),
            Self::Exhausted => attempted(OutcomeClass::HttpError, None),
        };
        Record { number, at: NOW, entry }
    }

    /// Returns the completed record.
    pub(crate) fn completed(completed: &CompletedAttempt) -> Self {
        match (completed.attempted.outcome.class, completed.attempted.next_at) {
            (OutcomeClass::Success, None) => Self::Succeeded,
            (_, Some(next_at)) => Self::Failed { is_due: next_at <= NOW },
            (_, None) => Self::Exhausted,
        }
    }

    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Exhausted)
    }
}

pub(crate) fn alive(worker: usize) -> Owner {
    Owner::new("alive", worker)
}

/// The dead owner of a claim on that number.
pub(crate) fn dead(number: u8) -> Owner {
    Owner::new("dead", number.into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Visible,
    InFlight,
    /// In the dead-letter queue.
    Dead,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Message {
    pub(crate) place: Place,
    pub(crate) receives: u8,
}

impl Message {
    pub(crate) const SENT: Self = Self { place: Place::Visible, receives: 0 };
    const GONE: Self = Self { place: Place::Gone, receives: 0 };
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum End {
    Success,
    Failure,
    /// Not worth a retry.
    Refusal,
}

impl End {
    pub(crate) const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Refusal];

    pub(crate) fn outcome(self) -> Outcome {
        let class = match self {
            Self::Success => OutcomeClass::Success,
            Self::Failure => OutcomeClass::HttpError,
            Self::Refusal => OutcomeClass::UrlTooLong,
        };
        Outcome::failed(class, "", Duration::ZERO)
    }
}

/// A write that can outlive its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Late {
    Complete(End),
    Release,
}

/// The next step of a worker with the message it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Todo {
    Read,
    Claim(u8),
    /// The record's number, and its owner if still alive.
    CompleteAsUnknown(u8, Option<usize>),
    Send(u8),
    Complete(u8, End),
    /// Send a copy that waits instead of the message.
    Copy,
    Acknowledge,
    HandBack,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) slots: Vec<Slot>,
    /// The number of requests sent, for each number that an attempt may have.
    pub(crate) requests: Vec<u8>,
    /// The message that each worker holds, and its next step.
    pub(crate) workers: [Option<(usize, Todo)>; 2],
    /// At most one, or two of a delivery that waits in copies.
    pub(crate) messages: Vec<Message>,
    /// A write still in transit, by its attempt number, whose worker has died.
    pub(crate) late: Option<(u8, Late)>,
    /// A promise that a step broke.
    pub(crate) broken: Option<&'static str>,
}

impl State {
    /// The initial state: one message of a new delivery.
    pub(crate) fn first(retry: Retry) -> Self {
        let messages = match retry {
            Retry::Standard => vec![Message::SENT],
            Retry::Extended => vec![Message::SENT, Message::GONE],
        };
        Self {
            slots: Vec::new(),
            requests: vec![0; max_attempts(retry).into()],
            workers: [None; 2],
            messages,
            late: None,
            broken: None,
        }
    }

    /// Normalizes the order of messages and workers: states that differ only in that order are the same.
    pub(crate) fn in_order(mut self) -> Self {
        if !self.messages.is_sorted() {
            self.messages.reverse();
            self.workers.iter_mut().flatten().for_each(|(message, _)| *message = 1 - *message);
        }
        if self.workers[0] > self.workers[1] {
            self.workers.swap(0, 1);
            for slot in &mut self.slots {
                if let Slot::Inflight { owner: Some(owner), .. } = slot {
                    *owner = 1 - *owner;
                }
            }
            for (_, todo) in self.workers.iter_mut().flatten() {
                if let Todo::CompleteAsUnknown(_, Some(owner)) = todo {
                    *owner = 1 - *owner;
                }
            }
        }
        self
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.slots.iter().zip(1..).map(|(slot, number)| slot.record(number)).collect()
    }

    pub(crate) fn slot(&mut self, number: u8) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(number) - 1)
    }
}

impl explore::State for State {
    /// Whether the delivery has ended and no message or work is left.
    fn is_over(&self) -> bool {
        self.slots.last().is_some_and(|slot| slot.is_final())
            && self.workers == [None; 2]
            && self.messages.iter().all(|message| message.place == Place::Gone)
    }

    fn breach(&self) -> Option<&'static str> {
        let success = self.slots.iter().position(|slot| *slot == Slot::Succeeded);
        let open = self.slots.iter().rev().skip(1).any(|slot| matches!(slot, Slot::Inflight { .. }));
        let recorded =
            self.requests.iter().take(self.slots.len()).map(|sent| usize::from(*sent)).sum::<usize>();
        let sent = self.requests.iter().map(|sent| usize::from(*sent)).sum::<usize>();
        [
            (self.slots.len() > self.requests.len(), "more attempts than allowed"),
            (self.requests.iter().any(|sent| *sent > 1), "a number was sent twice"),
            (sent > recorded, "a request has no record"),
            (success.is_some_and(|at| at + 1 < self.slots.len()), "an attempt follows a success"),
            (open, "an attempt follows one that is open"),
        ]
        .into_iter()
        .find_map(|(is_so, what)| is_so.then_some(what))
        .or(self.broken)
    }
}
