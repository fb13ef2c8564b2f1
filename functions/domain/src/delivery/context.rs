//! The event and the destination of a delivery.

use std::future::Future;

use crate::delivery::message::DeliveryMessage;
use crate::destination::health::Health;
use crate::destination::record::Destination;
use crate::event::store::StoredEvent;
use crate::shared::unavailable::Result;

/// The event and the destination of a delivery. Either may no longer exist.
#[derive(Clone)]
pub struct Context {
    /// The event.
    pub event: StoredEvent,
    /// The destination's current settings; `None` after its deletion.
    pub destination: Option<Destination>,
    /// The destination's health.
    pub health: Option<Health>,
}

/// Loads events and destinations for a batch of deliveries.
pub trait Contexts: Send + Sync {
    /// Loads one context for each delivery, in one read. Returns independent results in the order of the deliveries.
    fn load(&self, deliveries: &[&DeliveryMessage]) -> impl Future<Output = Vec<Result<Context>>> + Send;
}
