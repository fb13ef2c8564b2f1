//! A delivery's message as received from the queue.

use std::future::Future;
use std::time::Duration;

use crate::delivery::message::DeliveryMessage;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// A delivery's message as received from the queue.
#[derive(Clone)]
pub struct Received {
    /// The message.
    pub message: DeliveryMessage,
    /// The queue's handle of this receive.
    pub receipt: Receipt,
    /// How often the message was received, this time included; `None` if the queue did not say. Counts receives, not
    /// requests.
    pub receive_count: Option<u32>,
}

impl Received {
    /// Whether the queue says that this is the first receive. A missing count proves nothing.
    pub(crate) fn is_first(&self) -> bool {
        self.receive_count.is_some_and(|count| count <= 1)
    }

    /// Whether no attempt has been made, as far as the message knows.
    pub(crate) fn is_first_attempt(&self) -> bool {
        self.is_first() && self.message.due_at.is_none()
    }

    /// Whether the retry that the message waits for lies ahead.
    pub(crate) fn is_early(&self, now: Timestamp) -> bool {
        self.message.due_at.is_some_and(|due_at| now < due_at)
    }
}

/// The queue's handle of a received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Sets when a received message becomes visible again.
pub trait Visibility: Send + Sync {
    /// Hides the message for `delay`.
    fn postpone(&self, receipt: &Receipt, delay: Duration) -> impl Future<Output = Result<()>> + Send;
}
