//! The payload: the JSON text that tells a destination what happened. Made once, when the conversation ends.

use bytes::Bytes;

use crate::conversation::Conversation;
use crate::event::EventKind;
use crate::json::{Fields, json_of};

/// What is emptied, in this order, where the whole payload does not fit into a URL.
pub const TRIMMABLE: [&str; 2] = ["conversation_transcript", "conversation_analysis"];

/// All keys, always, in this order: `event`, then the record's fields; `null` where unknown, `[]` for the two lists.
#[must_use]
pub fn payload(kind: EventKind, conversation: &Conversation) -> Bytes {
    conversation.json(&[("event", json_of(&kind))], &[]).into()
}

/// The same payload with transcript and analysis emptied to `[]`.
#[must_use]
pub fn trim(payload: &Bytes) -> Bytes {
    let Ok(fields) = serde_json::from_slice::<Fields>(payload) else {
        return payload.clone(); // not made by `payload`: nothing we could empty
    };
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            let value = if TRIMMABLE.contains(&name.as_str()) { "[]" } else { value.get() };
            format!("\"{name}\":{value}")
        })
        .collect();
    format!("{{{}}}", fields.join(",")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::Details;
    use crate::ids::{AccountId, ConversationId};
    use crate::timestamp::Timestamp;

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

    #[test]
    fn trimming_empties_the_lists_and_nothing_else() {
        let whole = payload(
            EventKind::Completed,
            &conversation(r#"{"notes":"n","conversation_transcript":[{"a":1}],"conversation_analysis":[2]}"#),
        );
        let trimmed = trim(&whole);
        assert_eq!(keys(&trimmed), KEYS);
        let expected =
            payload(EventKind::Completed, &conversation(r#"{"notes":"n","conversation_transcript":[]}"#));
        assert_eq!(trimmed, expected);
    }
}
