//! Events in memory.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::store::{Created, EventEraser, EventLookup, Events, StoredEvent};
use crate::shared::ids::{AccountId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;
use crate::shared::unavailable::Result;

#[derive(Default)]
struct State {
    events: BTreeMap<EventId, StoredEvent>,
    delivered: HashSet<EventId>,
    unwanted: HashSet<EventId>,
}

/// Events, the marks of deleted ones, which have deliveries, and which no destination wanted.
#[derive(Clone, Default)]
pub struct MemoryEvents(Arc<Mutex<State>>);

impl MemoryEvents {
    /// Stores or replaces an event.
    pub fn put(&self, event: LifecycleEvent) {
        let by = Token::from("put");
        lock(&self.0).events.insert(event.id.clone(), StoredEvent::Kept { event, by });
    }

    /// Removes an event, as at the end of its retention.
    pub fn expire(&self, id: &EventId) {
        lock(&self.0).events.remove(id);
    }

    /// Adds a record of a delivery of this event.
    pub fn record_delivery(&self, event: &EventId) {
        lock(&self.0).delivered.insert(event.clone());
    }

    /// Whether the event is listed as one that no destination wanted.
    #[must_use]
    pub fn is_unwanted(&self, event: &EventId) -> bool {
        lock(&self.0).unwanted.contains(event)
    }

    /// What is stored under the id.
    #[must_use]
    pub fn get(&self, id: &EventId) -> StoredEvent {
        lock(&self.0).events.get(id).cloned().unwrap_or(StoredEvent::Absent)
    }
}

impl Events for MemoryEvents {
    async fn load(&self, _account: &AccountId, event: &EventId) -> Result<StoredEvent> {
        Ok(self.get(event))
    }

    async fn create(&self, event: &LifecycleEvent, by: &Token, began: Timestamp) -> Result<Created> {
        let found = self.get(&event.id);
        if !found.yields_to(began) {
            return Ok(Created::Refused(found));
        }
        let kept = StoredEvent::Kept { event: event.clone(), by: by.clone() };
        lock(&self.0).events.insert(event.id.clone(), kept);
        Ok(Created::Yes)
    }

    async fn list_unwanted(&self, event: &LifecycleEvent) -> Result<()> {
        lock(&self.0).unwanted.insert(event.id.clone());
        Ok(())
    }
}

impl EventLookup for MemoryEvents {
    async fn exists(&self, _account: &AccountId, event: &EventId) -> Result<bool> {
        Ok(matches!(self.get(event), StoredEvent::Kept { .. }))
    }
}

impl EventEraser for MemoryEvents {
    async fn forget_event(&self, _account: &AccountId, event: &EventId, at: Timestamp) -> Result<()> {
        lock(&self.0).events.insert(event.clone(), StoredEvent::Forgotten { at });
        Ok(())
    }

    async fn forget_deliveries(&self, account: &AccountId, event: &EventId) -> Result<bool> {
        if self.exists(account, event).await? {
            return Ok(false);
        }
        let mut state = lock(&self.0);
        let unwanted = state.unwanted.remove(event);
        Ok(state.delivered.remove(event) || unwanted)
    }
}
