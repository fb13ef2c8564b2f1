//! A delivery's message as the queue hands it over.

use std::future::Future;
use std::time::Duration;

use crate::delivery::message::DeliveryMessage;
use crate::shared::unavailable::Result;

/// A delivery's message as the queue handed it over.
pub struct Received {
    /// The message.
    pub message: DeliveryMessage,
    /// What the queue knows it by.
    pub receipt: Receipt,
    /// How often it was handed out, this time included, where the queue said so. Counts receives, not requests.
    pub receive_count: Option<u32>,
}

impl Received {
    /// Whether the queue says that it was not handed out before. A count that is not there proves nothing.
    pub(crate) fn is_first(&self) -> bool {
        self.receive_count.is_some_and(|count| count <= 1)
    }
}

/// What the queue knows a received message by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// When a received message is seen again.
pub trait Visibility: Send + Sync {
    /// Not before `delay`.
    fn postpone(&self, receipt: &Receipt, delay: Duration) -> impl Future<Output = Result<()>> + Send;
}
