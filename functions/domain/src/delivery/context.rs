//! What a delivery needs besides its ids.

use std::future::Future;

use crate::delivery::message::DeliveryMessage;
use crate::destination::record::Destination;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::unavailable::Result;

/// What a delivery needs besides its ids. Either part may be gone.
#[derive(Clone, Default)]
pub struct Context {
    /// The event; `None` once its retention is over.
    pub event: Option<LifecycleEvent>,
    /// The destination as it is now; `None` once it is deleted.
    pub destination: Option<Destination>,
}

/// Events and destinations for a batch of deliveries.
pub trait Contexts: Send + Sync {
    /// In the order of the deliveries, in one read.
    fn load(&self, deliveries: &[&DeliveryMessage]) -> impl Future<Output = Result<Vec<Context>>> + Send;
}
