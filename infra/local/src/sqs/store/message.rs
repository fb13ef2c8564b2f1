//! A message: what was sent, which never changes, and how far its delivery has come.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sqs::message_attributes::MessageAttributes;
use crate::sqs::name::QueueName;

/// What a producer sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) md5_of_body: String,
    pub(crate) attributes: MessageAttributes,
    pub(crate) trace_header: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    /// Epoch milliseconds.
    pub(crate) sent_at: u64,
}

/// A message's place in its queue: later messages have higher numbers, also after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub(crate) struct Sequence(u64);

/// Numbers left for the messages of one millisecond.
const SEQUENCES_PER_MS: u64 = 1_000_000;

impl Sequence {
    /// The next number. Counting from the time keeps the order over a restart even when no message
    /// survived from which to go on counting.
    pub(crate) fn after(previous: Self, now: u64) -> Self {
        Self((previous.0 + 1).max(now * SEQUENCES_PER_MS))
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

/// How far a message's delivery has come in the queue it is in. Times are epoch milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Delivery {
    /// Receives in this queue, which is what `maxReceiveCount` is about.
    pub(crate) receives: u32,
    /// Receives in the queues it was in before.
    pub(crate) earlier_receives: u32,
    pub(crate) first_received_at: Option<u64>,
    pub(crate) received_at: Option<u64>,
    /// From when on it may be received.
    pub(crate) visible_at: u64,
    /// From when on its retention counts.
    pub(crate) enqueued_at: u64,
    /// The queue whose redrive policy brought it here.
    pub(crate) dead_letter_source: Option<QueueName>,
}

/// Where a message is in its life, as the queue's counters see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Visible,
    Delayed,
    InFlight,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) sent: Arc<Sent>,
    pub(crate) delivery: Delivery,
}

impl Delivery {
    pub(crate) fn standing(&self, now: u64) -> Standing {
        if self.visible_at <= now {
            Standing::Visible
        } else if self.receives == 0 {
            Standing::Delayed
        } else {
            Standing::InFlight
        }
    }

    /// `ApproximateReceiveCount`: "received across all queues but not deleted" (API `ReceiveMessage`).
    pub(crate) fn receive_count(&self) -> u32 {
        self.earlier_receives + self.receives
    }
}
