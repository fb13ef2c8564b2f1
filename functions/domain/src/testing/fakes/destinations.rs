//! Destinations and events in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::events::MemoryEvents;
use super::lock::lock;
use crate::delivery::context::{Context, Contexts};
use crate::delivery::message::DeliveryMessage;
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::store::StoredEvent;
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::Result;

#[derive(Default)]
struct State {
    destinations: BTreeMap<DestinationId, Destination>,
    events: MemoryEvents,
    lists_read: usize,
}

/// Destinations and events of any account.
#[derive(Clone, Default)]
pub struct MemoryDestinations(Arc<Mutex<State>>);

impl MemoryDestinations {
    /// Stores or replaces a destination.
    pub fn put(&self, destination: Destination) {
        lock(&self.0).destinations.insert(destination.id.clone(), destination);
    }

    /// Removes a destination.
    pub fn remove(&self, id: &DestinationId) {
        lock(&self.0).destinations.remove(id);
    }

    /// Returns how often an account's destinations were read.
    #[must_use]
    pub fn lists_read(&self) -> usize {
        lock(&self.0).lists_read
    }

    /// Stores an event.
    pub fn put_event(&self, event: LifecycleEvent) {
        lock(&self.0).events.put(event);
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> MemoryEvents {
        lock(&self.0).events.clone()
    }
}

impl Destinations for MemoryDestinations {
    async fn of_account(&self, account: &AccountId) -> Result<Vec<Result<Destination>>> {
        let mut state = lock(&self.0);
        state.lists_read += 1;
        Ok(state.destinations.values().filter(|d| d.account_id == *account).cloned().map(Ok).collect())
    }

    async fn get(&self, account: &AccountId, id: &DestinationId) -> Result<Option<Destination>> {
        Ok(lock(&self.0).destinations.get(id).filter(|d| d.account_id == *account).cloned())
    }
}

impl Contexts for MemoryDestinations {
    async fn load(&self, deliveries: &[&DeliveryMessage]) -> Vec<Result<Context>> {
        let state = lock(&self.0);
        let context = |message: &&DeliveryMessage| Context {
            event: message.delivery_id.event_id().map_or(StoredEvent::Absent, |id| state.events.get(&id)),
            destination: state.destinations.get(&message.destination_id).cloned(),
        };
        deliveries.iter().map(context).map(Ok).collect()
    }
}
