//! A message: what was sent, which never changes, and the state of its delivery.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a producer sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SentMessage {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) md5_of_body: String,
    /// `AWSTraceHeader`.
    pub(crate) trace_header: Option<String>,
    /// `MessageGroupId`.
    pub(crate) group: Option<String>,
}

/// A message's number in its queue: later messages have higher numbers, also after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sequence(u64);

/// Numbers for the messages of one millisecond.
const SEQUENCES_PER_MS: u64 = 1_000_000;

impl Sequence {
    /// The next number. It counts from the time, so that the order is kept over a restart even if no
    /// message is left to count on from.
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

/// The state of a message's delivery in the queue that it is in. Times are epoch milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct DeliveryState {
    /// Receives in this queue, which `maxReceiveCount` limits.
    pub(crate) receives: u32,
    /// Receives in the queue from which a redrive policy moved it.
    pub(crate) earlier_receives: u32,
    pub(crate) first_received_at: Option<u64>,
    pub(crate) received_at: Option<u64>,
    /// When it becomes visible.
    pub(crate) visible_at: u64,
    /// When it was sent, which starts its retention period, also in a dead-letter queue (developer guide, "Setting-up
    /// dead-letter queue retention").
    pub(crate) enqueued_at: u64,
}

/// Which of the queue's counters counts a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageState {
    Visible,
    Delayed,
    InFlight,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) sent: Arc<SentMessage>,
    pub(crate) delivery: DeliveryState,
}

impl DeliveryState {
    pub(crate) fn state_at(&self, now: u64) -> MessageState {
        if self.visible_at <= now {
            MessageState::Visible
        } else if self.receives == 0 {
            MessageState::Delayed
        } else {
            MessageState::InFlight
        }
    }

    /// `ApproximateReceiveCount`: "received across all queues but not deleted" (API `ReceiveMessage`).
    pub(crate) fn receive_count(&self) -> u32 {
        self.earlier_receives + self.receives
    }
}
