//! Records of conversations in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::conversation::Conversation;
use crate::event::LifecycleEvent;
use crate::ids::{AccountId, ConversationId, EventId};
use crate::ports::{ConversationLookup, Conversations, EventOutbox, Result, Saved};

#[derive(Default)]
struct State {
    records: HashMap<(AccountId, ConversationId), Conversation>,
    announced: HashSet<EventId>,
}

/// Records, and which events were announced.
#[derive(Clone, Default)]
pub struct MemoryConversations(Arc<Mutex<State>>);

impl ConversationLookup for MemoryConversations {
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Option<Conversation>> {
        Ok(lock(&self.0).records.get(&(account.clone(), id.clone())).cloned())
    }
}

impl Conversations for MemoryConversations {
    async fn save(&self, conversation: &Conversation) -> Result<Saved> {
        let mut state = lock(&self.0);
        let key = (conversation.account_id.clone(), conversation.id.clone());
        if state.records.get(&key).map_or(0, |stored| stored.version) != conversation.version {
            return Ok(Saved::Conflict);
        }
        let version = conversation.version + 1;
        state.records.insert(key, Conversation { version, ..conversation.clone() });
        Ok(Saved::Yes)
    }

    async fn end(&self, conversation: &Conversation, _event: &LifecycleEvent) -> Result<Saved> {
        self.save(conversation).await
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
