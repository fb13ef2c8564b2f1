//! A delivery's message as received from the queue.

use std::future::Future;
use std::time::Duration;

use crate::delivery::message::DeliveryMessage;
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
}

/// The queue's handle of a received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Sets when a received message becomes visible again.
pub trait Visibility: Send + Sync {
    /// Hides the message for `delay`.
    fn postpone(&self, receipt: &Receipt, delay: Duration) -> impl Future<Output = Result<()>> + Send;
}
