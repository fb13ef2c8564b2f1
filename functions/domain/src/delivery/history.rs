//! The records of a delivery.

use serde::{Deserialize, Serialize};

use crate::delivery::outcome::Outcome;
use crate::delivery::record::DeliveryStatus;
use crate::shared::timestamp::Timestamp;

/// The holder of a claim: one message of one invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner(String);

impl Owner {
    /// Names an owner. The batch index distinguishes two copies of a message in one batch.
    #[must_use]
    pub fn new(invocation: &str, index: usize) -> Self {
        Self(format!("{invocation}/{index}"))
    }

    /// Returns the owner as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// One record of a delivery's history. Records are numbered from 1, without a gap or a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's place in the history.
    pub number: u8,
    /// When the record was written; for an attempt, when it started.
    pub at: Timestamp,
    /// Its content.
    pub entry: Entry,
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A claim: its owner may be sending right now.
    Inflight {
        /// The worker that claimed the attempt.
        owner: Owner,
        /// After this time the owner is certainly dead.
        lease_until: Timestamp,
    },
    /// One HTTP request and its outcome.
    Attempted(Attempted),
    /// The delivery makes no request, or no further one.
    Closed {
        /// Skipped or cancelled.
        status: DeliveryStatus,
        /// Why, as a sentence for the customer.
        reason: String,
    },
}

/// Whether the destination has answered 414 to one of these attempts.
#[must_use]
pub fn url_was_refused(records: &[Record]) -> bool {
    records.iter().any(
        |record| matches!(&record.entry, Entry::Attempted(attempted) if attempted.outcome.http_status == Some(414)),
    )
}

/// One HTTP request and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The outcome.
    pub outcome: Outcome,
    /// When the next attempt is due; `None` if this was the last.
    pub next_at: Option<Timestamp>,
    /// The payload fields that were emptied to make a GET's URL short enough.
    pub trimmed: Vec<String>,
    /// The header `webhook-signature` as it was sent; `None` if no request was.
    pub signature: Option<String>,
}
