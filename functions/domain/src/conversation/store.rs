//! The port to the records of conversations.

use std::future::Future;

use crate::conversation::record::Conversation;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::unavailable::Result;
use crate::shared::unavailable::Saved;

/// Looks up the records of conversations.
pub trait ConversationLookup: Send + Sync {
    /// The latest record.
    fn load(
        &self,
        account: &AccountId,
        id: &ConversationId,
    ) -> impl Future<Output = Result<Option<Conversation>>> + Send;
}

/// Keeps the records of conversations.
pub trait Conversations: ConversationLookup {
    /// Stores the record if it still has the version that was loaded.
    fn save(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;

    /// The same, and stores the event with it: both or neither.
    fn end(
        &self,
        conversation: &Conversation,
        event: &LifecycleEvent,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Forgets the record if it still has the version that was loaded.
    fn delete(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;
}
