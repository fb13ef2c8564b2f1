//! The ports to stored events.

use std::future::Future;

use crate::shared::ids::{AccountId, EventId};
use crate::shared::unavailable::Result;

/// Deletes events and their deliveries.
pub trait EventEraser: Send + Sync {
    /// Deletes the event, and the mark that it was announced.
    fn forget_event(&self, account: &AccountId, event: &EventId) -> impl Future<Output = Result<()>> + Send;

    /// Deletes all records of all deliveries of a deleted event; does nothing while the event exists. True if there
    /// were any. Completing an attempt does not restore its deleted record.
    fn forget_deliveries(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Knows whether a stored event has been sent to the queue.
pub trait EventOutbox: Send + Sync {
    /// Whether the event was sent. Also true for an event past its retention: it was sent long ago.
    fn is_announced(&self, account: &AccountId, event: &EventId)
    -> impl Future<Output = Result<bool>> + Send;

    /// Records that the queue has accepted the event.
    fn mark_announced(&self, account: &AccountId, event: &EventId)
    -> impl Future<Output = Result<()>> + Send;
}
