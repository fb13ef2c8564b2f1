//! What happened to a conversation.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::completion::Ended;
use crate::conversation::Conversation;
use crate::ids::{AccountId, ConversationId, EventId};
use crate::payload::payload;
use crate::timestamp::Timestamp;

/// The three ways in which a conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// It finished successfully.
    #[serde(rename = "conversation.completed")]
    Completed,
    /// It ended early, or nobody answered.
    #[serde(rename = "conversation.disconnected")]
    Disconnected,
    /// It ended in a failed state.
    #[serde(rename = "conversation.failed")]
    Failed,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Disconnected, Self::Failed];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "conversation.completed",
            Self::Disconnected => "conversation.disconnected",
            Self::Failed => "conversation.failed",
        }
    }
}

/// One lifecycle event: fixed when the conversation ends and never changed.
#[derive(Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Whose it is.
    pub account_id: AccountId,
    /// The same in every attempt and resend.
    pub id: EventId,
    /// The conversation that ended.
    pub conversation_id: ConversationId,
    /// How it ended.
    pub kind: EventKind,
    /// When we accepted it.
    pub accepted_at: Timestamp,
    /// The JSON text that every request carries, to the byte. Holds transcripts and phone numbers: no `Debug`.
    pub payload: Bytes,
}

impl LifecycleEvent {
    /// What is to be told of an end, with the record as it is at this moment.
    #[must_use]
    pub fn of(conversation: &Conversation, ended: &Ended) -> Self {
        Self {
            account_id: conversation.account_id.clone(),
            id: ended.event_id.clone(),
            conversation_id: conversation.id.clone(),
            kind: ended.kind,
            accepted_at: ended.at,
            payload: payload(ended.kind, conversation),
        }
    }
}
