//! What happened to a conversation.

use bytes::Bytes;

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;

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
