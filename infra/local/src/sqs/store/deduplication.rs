//! The five minutes in which a FIFO queue takes a message with the same deduplication id for a
//! repeat, also after the first has been received and deleted.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::message::Sequence;
use crate::sqs::limits::DEDUPLICATION_INTERVAL_MS;

/// What the sender of a repeat is told: the ids of the message it repeats.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Remembered {
    pub(crate) message_id: String,
    pub(crate) sequence: Sequence,
    /// Epoch milliseconds.
    pub(crate) sent_at: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Deduplication {
    by_key: HashMap<String, Remembered>,
    by_age: BTreeSet<(u64, String)>,
}

impl Deduplication {
    pub(crate) fn find(&self, key: &str) -> Option<&Remembered> {
        self.by_key.get(key)
    }

    pub(crate) fn remember(&mut self, key: String, remembered: Remembered) {
        self.by_age.insert((remembered.sent_at, key.clone()));
        self.by_key.insert(key, remembered);
    }

    /// Forgets one message whose interval is over, and names its key.
    pub(crate) fn forget_one(&mut self, now: u64) -> Option<String> {
        let over = |(sent_at, _): &&(u64, String)| sent_at + DEDUPLICATION_INTERVAL_MS <= now;
        self.by_age.first().filter(over)?;
        let (_, key) = self.by_age.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}
