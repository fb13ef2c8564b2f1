//! The ports to the records of conversations.

use std::future::Future;

use crate::conversation::record::Conversation;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::unavailable::{Result, Saved};

/// Loads the records of conversations.
pub trait ConversationLookup: Send + Sync {
    /// The current record.
    fn load(
        &self,
        account: &AccountId,
        id: &ConversationId,
    ) -> impl Future<Output = Result<Option<Conversation>>> + Send;
}

/// Stores the records of conversations.
pub trait Conversations: ConversationLookup {
    /// Stores the record if it still has the version that was loaded.
    fn save(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;

    /// Stores the record on the same condition, and its event with it: both or neither.
    fn end(
        &self,
        conversation: &Conversation,
        event: &LifecycleEvent,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Deletes the record if it still has the version that was loaded.
    fn delete(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;
}
