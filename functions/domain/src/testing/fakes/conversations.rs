//! Conversation records in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock::lock;
use super::sample;
use crate::conversation::ended::{CompletionFlow, Ended};
use crate::conversation::record::Conversation;
use crate::conversation::store::{ConversationLookup, Conversations, FORGOTTEN_FOR, Stored};
use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved};

#[derive(Default)]
struct State {
    records: HashMap<(AccountId, ConversationId), Stored>,
    /// What the last write replaced.
    replaced: HashMap<(AccountId, ConversationId), Stored>,
    ends_after_load: Option<EventKind>,
    refuses_as_too_large: bool,
}

impl State {
    fn write(&mut self, key: (AccountId, ConversationId), stored: Stored) {
        let replaced = self.records.insert(key.clone(), stored).unwrap_or(Stored::Absent);
        self.replaced.insert(key, replaced);
    }

    /// The version that a save must name; `None` where nothing can be saved.
    fn version(&self, key: &(AccountId, ConversationId)) -> Option<u64> {
        match self.records.get(key) {
            None | Some(Stored::Absent) => Some(0),
            Some(Stored::Kept(stored)) => Some(stored.version),
            Some(Stored::Forgotten { .. }) => None,
        }
    }
}

/// Conversation records, and the marks of deleted ones.
#[derive(Clone, Default)]
pub struct MemoryConversations(Arc<Mutex<State>>);

impl MemoryConversations {
    /// Makes every later save fail because the record is too large.
    pub fn refuse_as_too_large(&self) {
        lock(&self.0).refuses_as_too_large = true;
    }

    /// Lets another writer end the next loaded conversation right after the load.
    pub fn end_after_next_load(&self, kind: EventKind) {
        lock(&self.0).ends_after_load = Some(kind);
    }

    /// Frees the id of a deleted conversation.
    pub fn free(&self, account: &AccountId, id: &ConversationId) {
        lock(&self.0).records.remove(&(account.clone(), id.clone()));
    }
}

impl ConversationLookup for MemoryConversations {
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        let mut state = lock(&self.0);
        let key = (account.clone(), id.clone());
        let loaded = state.records.get(&key).cloned().unwrap_or(Stored::Absent);
        if let Some(kind) = state.ends_after_load.take()
            && let Some(Stored::Kept(record)) = state.records.get_mut(&key)
        {
            record.version += 1;
            record.ended =
                Some(Ended { kind, at: record.updated_at, ..sample::ended(CompletionFlow::Hangup) });
        }
        Ok(loaded)
    }
}

impl Conversations for MemoryConversations {
    /// Always what the last write replaced.
    async fn glance(&self, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        let key = (account.clone(), id.clone());
        Ok(lock(&self.0).replaced.get(&key).cloned().unwrap_or(Stored::Absent))
    }

    async fn save(&self, conversation: &Conversation) -> Result<Saved> {
        let mut state = lock(&self.0);
        let key = (conversation.account_id.clone(), conversation.id.clone());
        if state.version(&key) != Some(conversation.version) {
            return Ok(Saved::Conflict);
        }
        if state.refuses_as_too_large {
            return Ok(Saved::TooLarge);
        }
        let version = conversation.version + 1;
        state.write(key, Stored::Kept(Box::new(Conversation { version, ..conversation.clone() })));
        Ok(Saved::Yes)
    }

    async fn forget(&self, conversation: &Conversation, at: Timestamp) -> Result<Saved> {
        let mut state = lock(&self.0);
        let key = (conversation.account_id.clone(), conversation.id.clone());
        if state.version(&key) != Some(conversation.version) {
            return Ok(Saved::Conflict);
        }
        state.write(key, Stored::Forgotten { until: at + FORGOTTEN_FOR });
        Ok(Saved::Yes)
    }
}
