//! The ports to what is stored of events.

use std::future::Future;

use crate::shared::ids::{AccountId, EventId};
use crate::shared::unavailable::Result;

/// What is kept of an event and of its deliveries.
pub trait EventTraces: Send + Sync {
    /// Forgets the event, and whether it was sent on its way.
    fn forget_event(&self, account: &AccountId, event: &EventId) -> impl Future<Output = Result<()>> + Send;

    /// Forgets all records of all deliveries of an event that is forgotten itself; of one that is kept, nothing. True if
    /// there were any. An attempt whose record goes while it is under way is not recorded after it.
    fn forget_deliveries(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Whether an event that was stored has also been sent on its way.
pub trait EventOutbox: Send + Sync {
    /// True also for an event whose retention is over: it was sent long ago.
    fn is_announced(&self, account: &AccountId, event: &EventId)
    -> impl Future<Output = Result<bool>> + Send;

    /// Remembers that the queue has taken it.
    fn mark_announced(&self, account: &AccountId, event: &EventId)
    -> impl Future<Output = Result<()>> + Send;
}
