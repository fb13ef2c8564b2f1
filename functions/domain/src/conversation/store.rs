//! The ports to the records of conversations.

use std::future::Future;
use std::time::Duration;

use crate::conversation::record::Conversation;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved};

/// How long a deleted conversation's id stays taken: longer than any invocation of its first life. An older message about
/// its end is recognized by its word.
pub const FORGOTTEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What is stored under a conversation's id.
#[derive(Clone)]
pub enum Stored {
    /// Nothing.
    Absent,
    /// The mark that the conversation was deleted.
    Forgotten {
        /// When its id is free again.
        until: Timestamp,
    },
    /// The record.
    Kept(Box<Conversation>),
}

impl Stored {
    /// The record, if there is one.
    #[must_use]
    pub fn kept(self) -> Option<Conversation> {
        match self {
            Self::Kept(conversation) => Some(*conversation),
            Self::Absent | Self::Forgotten { .. } => None,
        }
    }
}

/// Loads the records of conversations.
pub trait ConversationLookup: Send + Sync {
    /// What is stored now.
    fn load(&self, account: &AccountId, id: &ConversationId) -> impl Future<Output = Result<Stored>> + Send;
}

/// Stores the records of conversations.
pub trait Conversations: ConversationLookup {
    /// What is stored now or was a moment ago, for half the price. If it is stale, the save conflicts.
    fn glance(&self, account: &AccountId, id: &ConversationId)
    -> impl Future<Output = Result<Stored>> + Send;

    /// Stores the record if it still has the version that was loaded.
    fn save(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;

    /// Replaces the record by the mark that it was deleted, if it still has the version that was loaded. The id is free
    /// again [`FORGOTTEN_FOR`] later.
    fn forget(
        &self,
        conversation: &Conversation,
        at: Timestamp,
    ) -> impl Future<Output = Result<Saved>> + Send;
}
