//! One delivery of a batch and the content it would send.

use std::sync::OnceLock;

use crate::delivery::context::Context;
use crate::delivery::history::Owner;
use crate::delivery::ledger::Claim;
use crate::delivery::outcome::Reaction;
use crate::delivery::received::Received;
use crate::delivery::record::Delivery;
use crate::destination::health::{End, Health};
use crate::destination::record::Destination;
use crate::destination::retry::Retry;
use crate::destination::secrets::DestinationSecrets;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::store::StoredEvent;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// One delivery of a batch.
pub(super) struct Item<'a> {
    pub(super) received: &'a Received,
    pub(super) delivery: Delivery,
    /// An error is a failure of our infrastructure: whether there is anything to send is unknown.
    pub(super) content: Result<Content<'a>>,
    pub(super) owner: Owner,
    pub(super) lease_until: Timestamp,
    /// How the destination reacted to this item's request, if it makes one.
    pub(super) reaction: OnceLock<Reaction>,
    /// What the delivery's end says about the destination.
    pub(super) end: OnceLock<End>,
}

/// The content of an item, or the reason it has none.
pub(super) enum Content<'a> {
    Sendable(Sendable<'a>),
    Unsendable(Unsendable),
}

/// The event to send, its destination, and the secrets to sign it with.
pub(super) struct Sendable<'a> {
    pub(super) event: &'a LifecycleEvent,
    pub(super) destination: &'a Destination,
    pub(super) health: Option<&'a Health>,
    pub(super) secrets: DestinationSecrets,
}

/// Why there is nothing to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsendable {
    /// The event's retention is over.
    Expired,
    /// Its conversation was deleted: nothing about it may be recorded.
    Forgotten,
    NoDestination,
    Disabled,
}

impl Unsendable {
    /// Returns the reason as a sentence for the customer.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Expired => "The delivery expired: its event is no longer kept.",
            Self::Forgotten => "The conversation was deleted.",
            Self::NoDestination => "The destination was deleted.",
            Self::Disabled => "The destination was disabled.",
        }
    }
}

/// Returns the event and the active destination of a delivery, or why one of them is missing.
pub(super) fn parts(context: &Context) -> Result<(&LifecycleEvent, &Destination), Unsendable> {
    let event = match &context.event {
        StoredEvent::Kept { event, .. } => event,
        StoredEvent::Forgotten { .. } => return Err(Unsendable::Forgotten),
        StoredEvent::Absent => return Err(Unsendable::Expired),
    };
    let destination = context.destination.as_ref().ok_or(Unsendable::NoDestination)?;
    if destination.is_active() { Ok((event, destination)) } else { Err(Unsendable::Disabled) }
}

impl Item<'_> {
    pub(super) fn retry(&self) -> Retry {
        self.received.message.retry
    }

    pub(super) fn claim(&self, number: u8, now: Timestamp) -> Claim {
        let (delivery, owner) = (self.delivery.clone(), self.owner.clone());
        Claim { delivery, retry: self.retry(), number, owner, at: now, lease_until: self.lease_until }
    }

    /// Counts receives that led to no attempt because an invocation was throttled or died. The count restarts with each
    /// copy of the message.
    pub(super) fn receives_without_attempt(&self, number: u8) -> Option<u32> {
        let attempts = if self.received.message.due_at.is_some() { 1 } else { number.into() };
        let count = self.received.receive_count?.saturating_sub(attempts);
        (count > 0).then_some(count)
    }
}
