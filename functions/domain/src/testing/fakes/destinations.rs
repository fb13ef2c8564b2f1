//! Destinations and events in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::events::MemoryEvents;
use super::lock::lock;
use crate::delivery::context::{Context, Contexts};
use crate::delivery::message::DeliveryMessage;
use crate::destination::health::{Health, HealthState};
use crate::destination::record::{Destination, DestinationStatus};
use crate::destination::store::{Destinations, HealthStore, SavedHealth};
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::store::StoredEvent;
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::Result;

#[derive(Default)]
struct State {
    destinations: BTreeMap<DestinationId, Destination>,
    health: BTreeMap<DestinationId, Health>,
    events: MemoryEvents,
    lists_read: usize,
}

/// Destinations and events of any account.
#[derive(Clone, Default)]
pub struct MemoryDestinations(Arc<Mutex<State>>);

impl MemoryDestinations {
    /// Stores or replaces a destination; one that is enabled or disabled by it gets the health of that.
    pub fn put(&self, destination: Destination) {
        let (mut state, id) = (lock(&self.0), destination.id.clone());
        let health = match (state.destinations.get(&id), state.health.get(&id)) {
            (Some(before), Some(health)) if before.status == destination.status => health.clone(),
            (_, Some(health)) => {
                health.switched(destination.is_active(), destination.updated_at).next_version()
            }
            (_, None) => Health::of_new(&destination),
        };
        state.health.insert(id.clone(), health);
        state.destinations.insert(id, destination);
    }

    /// Returns a destination's health.
    #[must_use]
    pub fn health_of(&self, id: &DestinationId) -> Option<Health> {
        lock(&self.0).health.get(id).cloned()
    }

    /// Removes a destination.
    pub fn remove(&self, id: &DestinationId) {
        let mut state = lock(&self.0);
        state.destinations.remove(id);
        state.health.remove(id);
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

impl HealthStore for MemoryDestinations {
    async fn health(&self, _account: &AccountId, destination: &DestinationId) -> Result<Option<Health>> {
        Ok(self.health_of(destination))
    }

    async fn save_health(&self, destination: &Destination, health: &Health) -> Result<SavedHealth> {
        let (mut state, id) = (lock(&self.0), &destination.id);
        if state.health.get(id).is_none_or(|stored| stored.version != health.version) {
            return Ok(SavedHealth::Conflict);
        }
        if health.state == HealthState::Disabled && destination.is_active() {
            match state.destinations.get_mut(id) {
                Some(stored) if stored.updated_at == destination.updated_at => {
                    stored.status = DestinationStatus::Disabled;
                    stored.updated_at = stored.updated_at + Duration::from_millis(1);
                }
                _ => return Ok(SavedHealth::Changed),
            }
        }
        state.health.insert(id.clone(), health.clone().next_version());
        Ok(SavedHealth::Yes)
    }
}

impl Contexts for MemoryDestinations {
    async fn load(&self, deliveries: &[&DeliveryMessage]) -> Vec<Result<Context>> {
        let state = lock(&self.0);
        let context = |message: &&DeliveryMessage| Context {
            event: message.delivery_id.event_id().map_or(StoredEvent::Absent, |id| state.events.get(&id)),
            destination: state.destinations.get(&message.destination_id).cloned(),
            health: state.health.get(&message.destination_id).cloned(),
        };
        deliveries.iter().map(context).map(Ok).collect()
    }
}
