//! References and parked callbacks in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::clock::ManualClock;
use super::lock::lock;
use crate::conversation::provider::Reference;
use crate::lifecycle::link::{Link, References};
use crate::lifecycle::provider_callback::ProviderCallback;
use crate::shared::clock::Clock;
use crate::shared::ids::AccountId;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved};

type Key = (AccountId, Reference);

#[derive(Default)]
struct State {
    links: HashMap<Key, Link>,
    parked: HashMap<Key, HashMap<String, (ProviderCallback, Timestamp)>>,
}

/// Links, and callbacks parked until their link exists.
#[derive(Clone)]
pub struct MemoryReferences {
    state: Arc<Mutex<State>>,
    clock: ManualClock,
}

impl MemoryReferences {
    /// Creates an empty store whose parked callbacks expire by this clock.
    #[must_use]
    pub fn new(clock: ManualClock) -> Self {
        Self { state: Arc::default(), clock }
    }
}

impl References for MemoryReferences {
    async fn find(&self, account: &AccountId, reference: &Reference) -> Result<Option<Link>> {
        Ok(lock(&self.state).links.get(&(account.clone(), reference.clone())).cloned())
    }

    async fn put(
        &self,
        account: &AccountId,
        reference: &Reference,
        link: &Link,
        found: Option<&Link>,
    ) -> Result<Saved> {
        let (mut state, key) = (lock(&self.state), (account.clone(), reference.clone()));
        if state.links.get(&key) != found {
            return Ok(Saved::Conflict);
        }
        state.links.insert(key, link.clone());
        Ok(Saved::Yes)
    }

    async fn remove(&self, account: &AccountId, reference: &Reference, found: &Link) -> Result<Saved> {
        let (mut state, key) = (lock(&self.state), (account.clone(), reference.clone()));
        if state.links.get(&key) != Some(found) {
            return Ok(Saved::Conflict);
        }
        state.links.remove(&key);
        Ok(Saved::Yes)
    }

    async fn park(&self, account: &AccountId, callback: &ProviderCallback, until: Timestamp) -> Result<()> {
        let key = (account.clone(), callback.reference.clone());
        let mut state = lock(&self.state);
        state.parked.entry(key).or_default().insert(callback.id.clone(), (callback.clone(), until));
        Ok(())
    }

    async fn unpark(&self, account: &AccountId, callback: &ProviderCallback) -> Result<()> {
        let key = (account.clone(), callback.reference.clone());
        lock(&self.state).parked.entry(key).or_default().remove(&callback.id);
        Ok(())
    }

    async fn parked(&self, account: &AccountId, reference: &Reference) -> Result<Vec<ProviderCallback>> {
        let now = self.clock.now();
        let state = lock(&self.state);
        let parked = state.parked.get(&(account.clone(), reference.clone()));
        let waiting = parked.into_iter().flat_map(HashMap::values).filter(|(_, until)| *until > now);
        Ok(waiting.map(|(callback, _)| callback.clone()).collect())
    }
}
