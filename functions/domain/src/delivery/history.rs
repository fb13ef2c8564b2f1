//! The records that are kept of a delivery.

use serde::{Deserialize, Serialize};

use crate::delivery::outcome::Outcome;
use crate::delivery::record::DeliveryStatus;
use crate::shared::timestamp::Timestamp;

/// Who holds a claim: one message of one invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner(String);

impl Owner {
    /// The batch index tells two copies of a message in one batch apart.
    #[must_use]
    pub fn new(invocation: &str, index: usize) -> Self {
        Self(format!("{invocation}/{index}"))
    }

    /// As it is stored.
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
