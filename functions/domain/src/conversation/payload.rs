//! The payload: the JSON text that tells a destination what happened. Made once, when the conversation ends.

use bytes::Bytes;

use crate::conversation::ended::Ended;
use crate::conversation::record::Conversation;
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::json::json_of;

impl Conversation {
    /// The event of an end, with the record as it is at this moment.
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

/// All keys, always, in this order: `event`, then the record's fields; `null` where unknown, `[]` for the two lists.
#[must_use]
pub fn payload(kind: EventKind, conversation: &Conversation) -> Bytes {
    conversation.json(&[("event", json_of(&kind))], &[]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::fields::Details;
    use crate::shared::ids::{AccountId, ConversationId};
    use crate::shared::json::Fields;
    use crate::shared::timestamp::Timestamp;

    const KEYS: [&str; 16] = [
        "event",
        "id",
        "conversation_id",
        "agent_id",
        "conversation_type",
        "conversation_status",
        "notes",
        "conversation_duration",
        "conversation_recording_url",
        "calling_type",
        "telephony_provider",
        "to_mobile_number",
        "from_mobile_number",
        "is_test_call",
        "conversation_transcript",
        "conversation_analysis",
    ];

    fn conversation(details: &str) -> Conversation {
        let mut conversation = Conversation::new(
            AccountId::parse("acc_1").unwrap(),
            ConversationId::parse("c-1").unwrap(),
            Timestamp::default(),
        );
        conversation.details = Details::parse(serde_json::from_str(details).unwrap()).unwrap();
        conversation
    }

    fn keys(payload: &[u8]) -> Vec<String> {
        serde_json::from_slice::<Fields>(payload).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn an_empty_record_still_has_every_key_in_order() {
        let payload = payload(EventKind::Failed, &conversation("{}"));
        assert_eq!(keys(&payload), KEYS);
        let value: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(value["event"], "conversation.failed");
        assert_eq!(value["notes"], serde_json::Value::Null);
        assert_eq!(value["conversation_transcript"], serde_json::json!([]));
    }
}
