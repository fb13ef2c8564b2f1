//! The event that reports how a conversation ended.

use bytes::Bytes;

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;

/// One lifecycle event, created when its conversation's end has settled and never changed.
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
    /// When we accepted the first report of it.
    pub accepted_at: Timestamp,
    /// When it left: its payload is what the record was then.
    pub left_at: Timestamp,
    /// Until when it is kept.
    pub until: Timestamp,
    /// The JSON text that requests carry. Contains transcripts and phone numbers: no `Debug`.
    pub payload: Bytes,
    /// The conversation's metadata as JSON, for the destinations that want it in their payload.
    pub metadata: Option<Bytes>,
}
