//! Conversation records in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::conversation::ended::{CompletionFlow, Ended};
use crate::conversation::record::Conversation;
use crate::conversation::store::{ConversationLookup, Conversations};
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::store::{EventEraser, EventOutbox};
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::unavailable::{Result, Saved};

#[derive(Default)]
struct State {
    records: HashMap<(AccountId, ConversationId), Conversation>,
    events: HashSet<EventId>,
    announced: HashSet<EventId>,
    delivered: HashSet<EventId>,
    ends_after_load: Option<EventKind>,
    refuses_as_too_large: bool,
}

/// Conversation records, their end events, and which events were announced and delivered.
#[derive(Clone, Default)]
pub struct MemoryConversations(Arc<Mutex<State>>);

impl MemoryConversations {
    /// Whether the event exists.
    #[must_use]
    pub fn has_event(&self, event: &EventId) -> bool {
        lock(&self.0).events.contains(event)
    }

    /// Adds a record of a delivery of this event.
    pub fn record_delivery(&self, event: &EventId) {
        lock(&self.0).delivered.insert(event.clone());
    }

    /// Makes every later save fail because the record is too large.
    pub fn refuse_as_too_large(&self) {
        lock(&self.0).refuses_as_too_large = true;
    }

    /// Lets another writer end the next loaded conversation right after the load.
    pub fn end_after_next_load(&self, kind: EventKind) {
        lock(&self.0).ends_after_load = Some(kind);
    }
}

impl ConversationLookup for MemoryConversations {
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Option<Conversation>> {
        let mut state = lock(&self.0);
        let key = (account.clone(), id.clone());
        let loaded = state.records.get(&key).cloned();
        if let Some(kind) = state.ends_after_load.take() {
            let event_id = EventId::of_conversation(account, id);
            state.events.insert(event_id.clone());
            if let Some(record) = state.records.get_mut(&key) {
                record.version += 1;
                record.ended = Some(Ended {
                    event_id,
                    kind,
                    flow: CompletionFlow::Hangup,
                    at: record.updated_at,
                    reported: None,
                });
            }
        }
        Ok(loaded)
    }
}

impl Conversations for MemoryConversations {
    async fn save(&self, conversation: &Conversation) -> Result<Saved> {
        let mut state = lock(&self.0);
        let key = (conversation.account_id.clone(), conversation.id.clone());
        if state.records.get(&key).map_or(0, |stored| stored.version) != conversation.version {
            return Ok(Saved::Conflict);
        }
        if state.refuses_as_too_large {
            return Ok(Saved::TooLarge);
        }
        let version = conversation.version + 1;
        state.records.insert(key, Conversation { version, ..conversation.clone() });
        Ok(Saved::Yes)
    }

    async fn end(&self, conversation: &Conversation, event: &LifecycleEvent) -> Result<Saved> {
        let saved = self.save(conversation).await?;
        if saved == Saved::Yes {
            lock(&self.0).events.insert(event.id.clone());
        }
        Ok(saved)
    }

    async fn delete(&self, conversation: &Conversation) -> Result<Saved> {
        let mut state = lock(&self.0);
        let key = (conversation.account_id.clone(), conversation.id.clone());
        if state.records.get(&key).map_or(0, |stored| stored.version) != conversation.version {
            return Ok(Saved::Conflict);
        }
        state.records.remove(&key);
        Ok(Saved::Yes)
    }
}

impl EventEraser for MemoryConversations {
    async fn forget_event(&self, _account: &AccountId, event: &EventId) -> Result<()> {
        let mut state = lock(&self.0);
        state.events.remove(event);
        state.announced.remove(event);
        Ok(())
    }

    async fn forget_deliveries(&self, _account: &AccountId, event: &EventId) -> Result<bool> {
        let mut state = lock(&self.0);
        Ok(!state.events.contains(event) && state.delivered.remove(event))
    }
}

impl EventOutbox for MemoryConversations {
    async fn is_announced(&self, _account: &AccountId, event: &EventId) -> Result<bool> {
        Ok(lock(&self.0).announced.contains(event))
    }

    async fn mark_announced(&self, _account: &AccountId, event: &EventId) -> Result<()> {
        lock(&self.0).announced.insert(event.clone());
        Ok(())
    }
}
