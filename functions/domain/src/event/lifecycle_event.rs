//! The event that reports how a conversation ended.

use bytes::Bytes;

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;

/// One lifecycle event, created when its conversation ends and never changed.
#[derive(Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// Its id, the same in every attempt and resend.
    pub id: EventId,
    /// The conversation that ended.
    pub conversation_id: ConversationId,
    /// How it ended.
    pub kind: EventKind,
    /// When we accepted it.
    pub accepted_at: Timestamp,
    /// The exact JSON text that every request carries. Contains transcripts and phone numbers: no `Debug`.
    pub payload: Bytes,
}
