//! One event on its way to one destination, and the records that are kept of it.

use serde::{Deserialize, Serialize};

use crate::event::EventKind;
use crate::ids::{AccountId, ConversationId, DeliveryId, DestinationId};
use crate::ledger::Owner;
use crate::outcome::{Outcome, OutcomeClass};
use crate::timestamp::Timestamp;

/// What every record of a delivery says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its id.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination_id: DestinationId,
    /// The conversation that ended.
    pub conversation_id: ConversationId,
    /// How it ended.
    pub event: EventKind,
    /// What made it.
    pub trigger: Trigger,
    /// When it was made; deliveries are listed by it.
    pub created_at: Timestamp,
}

/// What makes a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A conversation ended.
    Lifecycle,
    /// A customer asked for the same event again.
    Resend,
    /// A customer tries a destination.
    Test,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Its first attempt is under way.
    Pending,
    /// An attempt failed and another will follow.
    Retrying,
    /// A 2xx came back.
    Delivered,
    /// The last attempt failed.
    Exhausted,
    /// The destination was disabled when the event came.
    Skipped,
    /// The destination was disabled or deleted, or the event was no longer kept, before an attempt succeeded.
    Cancelled,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Retrying, Self::Delivered, Self::Exhausted, Self::Skipped, Self::Cancelled];

    /// Whether there will be no further attempt.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Retrying)
    }

    /// The name in API, tables and log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One line of a delivery's history. Lines are numbered from 1 without a gap, and a number is written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the history.
    pub number: u8,
    /// When it was written; of an attempt, its start.
    pub at: Timestamp,
    /// What it says.
    pub entry: Entry,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A claim: its owner may be sending right now.
    Inflight {
        /// Who claimed it.
        owner: Owner,
        /// From then on the owner is certainly dead.
        lease_until: Timestamp,
    },
    /// One HTTP request and what it came to.
    Attempted(Attempted),
    /// There will be no request, or no more of them.
    Closed {
        /// Skipped or cancelled.
        status: DeliveryStatus,
        /// Why, as a sentence for the customer.
        reason: String,
    },
}

/// One HTTP request and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// What it came to.
    pub outcome: Outcome,
    /// When the next attempt is due; `None` if this was the last.
    pub next_at: Option<Timestamp>,
    /// The payload's fields that were emptied to make a GET's URL short enough.
    pub trimmed: Vec<String>,
}

/// A delivery as the Delivery Logs list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The delivery.
    pub delivery: Delivery,
    /// Where it stands.
    pub standing: Standing,
}

/// Where a delivery stands, after its latest record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The status.
    pub status: DeliveryStatus,
    /// Attempts so far.
    pub attempts: u8,
    /// What the latest attempt came to.
    pub outcome: Option<OutcomeClass>,
    /// The status code of the latest attempt.
    pub http_status: Option<u16>,
    /// The error of the latest attempt, or why the delivery was skipped or cancelled.
    pub error: Option<String>,
    /// When the next attempt is due.
    pub next_at: Option<Timestamp>,
    /// When the latest record was completed.
    pub updated_at: Timestamp,
}

impl Standing {
    /// Read off a history.
    #[must_use]
    pub fn of(records: &[Record]) -> Option<Self> {
        let last = records.last()?;
        let attempted = records.iter().rev().find_map(|record| match &record.entry {
            Entry::Attempted(attempted) => Some((record, attempted)),
            Entry::Inflight { .. } | Entry::Closed { .. } => None,
        });
        let requests = records.iter().filter(|record| !matches!(record.entry, Entry::Closed { .. })).count();
        let mut standing = Self {
            status: DeliveryStatus::Pending,
            attempts: u8::try_from(requests).unwrap_or(u8::MAX),
            outcome: None,
            http_status: None,
            error: None,
            next_at: None,
            updated_at: last.at,
        };
        if let Some((record, Attempted { outcome, next_at, .. })) = attempted {
            standing.status = status_after(outcome.class, *next_at);
            standing.outcome = Some(outcome.class);
            standing.http_status = outcome.http_status;
            standing.error.clone_from(&outcome.error);
            standing.next_at = *next_at;
            standing.updated_at = standing.updated_at.max(record.at + outcome.duration);
        }
        if let Entry::Closed { status, reason } = &last.entry {
            standing.status = *status;
            standing.error = Some(reason.clone());
            standing.next_at = None;
        }
        Some(standing)
    }
}

fn status_after(class: OutcomeClass, next_at: Option<Timestamp>) -> DeliveryStatus {
    match (class, next_at) {
        (OutcomeClass::Success, _) => DeliveryStatus::Delivered,
        (_, Some(_)) => DeliveryStatus::Retrying,
        (_, None) => DeliveryStatus::Exhausted,
    }
}
