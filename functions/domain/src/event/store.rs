//! The ports to stored events.

use std::future::Future;

use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::ids::{AccountId, DeliveryId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;
use crate::shared::unavailable::Result;

/// What is stored under an event's id.
#[derive(Clone)]
pub enum StoredEvent {
    /// Nothing, or an event past its retention.
    Absent,
    /// The mark that it was deleted with its conversation.
    Forgotten {
        /// When it was deleted.
        at: Timestamp,
    },
    /// The event.
    Kept {
        /// The event itself.
        event: LifecycleEvent,
        /// The message that created it, and that sends it to its destinations.
        by: Token,
    },
}

impl StoredEvent {
    /// Whether the event of a conversation that began at `began` may be stored in its place.
    #[must_use]
    pub fn yields_to(&self, began: Timestamp) -> bool {
        match self {
            Self::Absent => true,
            Self::Forgotten { at } => *at < began,
            Self::Kept { .. } => false,
        }
    }
}

/// The result of creating an event.
pub enum Created {
    /// It is stored.
    Yes,
    /// Something was there before.
    Refused(StoredEvent),
}

/// Creates events.
pub trait Events: Send + Sync {
    /// Reads an event, strongly consistent.
    fn load(&self, account: &AccountId, event: &EventId) -> impl Future<Output = Result<StoredEvent>> + Send;

    /// Stores an event if what is there [yields](StoredEvent::yields_to) to a conversation that began at `began`.
    fn create(
        &self,
        event: &LifecycleEvent,
        by: &Token,
        began: Timestamp,
    ) -> impl Future<Output = Result<Created>> + Send;

    /// Lists an event that no destination wanted; does nothing the second time. Other events are listed by their
    /// deliveries.
    fn list_unwanted(&self, event: &LifecycleEvent) -> impl Future<Output = Result<()>> + Send;
}

/// Stores later versions of events.
pub trait EventVersions: Send + Sync {
    /// Stores the version that one delivery carries, unless it has one, if the event itself is still there. True if the
    /// delivery has a version.
    fn put_version(
        &self,
        version: &LifecycleEvent,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Knows which events exist.
pub trait EventLookup: Send + Sync {
    /// Whether the event exists; a false "no" is harmless.
    fn exists(&self, account: &AccountId, event: &EventId) -> impl Future<Output = Result<bool>> + Send;
}

/// Deletes events and their deliveries.
pub trait EventEraser: Send + Sync {
    /// Replaces the event, or its absence, by a mark that it was deleted at this time.
    fn forget_event(
        &self,
        account: &AccountId,
        event: &EventId,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes all records of all deliveries of an event that does not exist, its versions, and its entry in the list of
    /// events; does nothing while it exists. True if there were any. Completing an attempt does not restore its deleted
    /// record.
    fn forget_deliveries(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> impl Future<Output = Result<bool>> + Send;
}
