//! The payload: the JSON text that tells a destination what happened. Created once, when the end has settled.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::conversation::ended::Ended;
use crate::conversation::record::Conversation;
use crate::conversation::shown::{Shown, ShownMetadata};
use crate::conversation::value::List;
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::json::json_of;
use crate::shared::timestamp::Timestamp;

impl Conversation {
    /// The event of an end, which leaves at `now`. Its payload is the record's current state.
    #[must_use]
    pub fn lifecycle_event(&self, ended: &Ended, now: Timestamp) -> LifecycleEvent {
        LifecycleEvent {
            account_id: self.account_id.clone(),
            id: ended.event_id.clone(),
            conversation_id: Some(self.id.clone()),
            kind: ended.kind,
            accepted_at: ended.at,
            left_at: now,
            until: ended.until,
            payload: payload(ended.kind, self),
            metadata: metadata(self),
        }
    }
}

/// Every key, always in this order; `null` if unknown, `[]` for the two lists.
#[derive(Serialize)]
struct Payload<'a> {
    event: EventKind,
    #[serde(flatten)]
    fields: Shown<'a>,
}

/// The payload of an event of this kind.
#[must_use]
pub fn payload(kind: EventKind, conversation: &Conversation) -> Bytes {
    let mut fields = Shown::new(conversation);
    fields.is_test_call.get_or_insert(false);
    fields.conversation_analysis.get_or_insert_with(|| Cow::Owned(List::from_iter([])));
    json_of(&Payload { event: kind, fields }).into()
}

/// The metadata beside it; `None` if there is none.
fn metadata(conversation: &Conversation) -> Option<Bytes> {
    let metadata = ShownMetadata::new(&conversation.fields);
    (!metadata.is_empty()).then(|| json_of(&metadata).into())
}

#[cfg(test)]
mod tests;
