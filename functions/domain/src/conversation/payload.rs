//! The payload: the JSON text that tells a destination what happened. Created once, when the conversation ends.

use bytes::Bytes;

use crate::conversation::ended::Ended;
use crate::conversation::record::Conversation;
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::json::json_of;

impl Conversation {
    /// The event of an end. Its payload is the record's current state.
    #[must_use]
    pub fn lifecycle_event(&self, ended: &Ended) -> LifecycleEvent {
        LifecycleEvent {
            account_id: self.account_id.clone(),
            id: ended.event_id.clone(),
            conversation_id: self.id.clone(),
            kind: ended.kind,
            accepted_at: ended.at,
            payload: payload(ended.kind, self),
        }
    }
}

/// Every key, always in this order: `event`, then the record's fields; `null` if unknown, `[]` for the two lists.
#[must_use]
pub fn payload(kind: EventKind, conversation: &Conversation) -> Bytes {
    conversation.json(&[("event", json_of(&kind))], &[]).into()
}

#[cfg(test)]
mod tests;
