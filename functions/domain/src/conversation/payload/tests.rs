use serde_json::value::RawValue;

use super::*;
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::invalid::Invalid;
use crate::shared::json::JsonObject;
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::corpus;

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

fn conversation(fields: &str) -> Conversation {
    let mut conversation = Conversation::new(
        AccountId::parse("acc_1").unwrap(),
        ConversationId::parse("c-1").unwrap(),
        Timestamp::default(),
    );
    conversation.fields = ConversationFields::parse(serde_json::from_str(fields).unwrap()).unwrap();
    conversation
}

fn keys(payload: &[u8]) -> Vec<String> {
    serde_json::from_slice::<JsonObject>(payload).unwrap().into_iter().map(|(name, _)| name).collect()
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

/// Checks that the payload of each row's fields contains what its last column says; names all rows that differ.
fn check(table: &str) {
    let rows = corpus::<3>(table).into_iter().map(|row| row.map(|column| String::from_utf8(column).unwrap()));
    let differ: Vec<_> = rows
        .filter_map(|[what, fields, expected]| {
            let payload = payload(EventKind::Completed, &conversation(&fields));
            let payload = std::str::from_utf8(&payload).unwrap();
            (!payload.contains(&expected)).then(|| format!("{what}: {expected} is not in {payload}"))
        })
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn white_space_between_tokens_is_not_sent() {
    check("record/white-space");
}

#[test]
fn a_value_is_sent_as_it_came() {
    check("record/values");
}

/// The metadata as the API shows it after these changes, or after `!` why one of them is refused.
fn metadata_after(changes: &str) -> Result<String, Invalid> {
    let mut conversation = conversation("{}");
    for change in serde_json::from_str::<Vec<JsonObject>>(changes).unwrap() {
        let change = ConversationPatch::parse(change)?;
        conversation.check(&change)?;
        conversation.apply(&change);
    }
    let shown = JsonObject::parse(conversation.public_json().as_bytes(), "record")?;
    Ok(shown.required::<Box<RawValue>>("conversation_metadata", "must be an object")?.get().to_owned())
}

#[test]
fn metadata_is_merged_by_key() {
    for [what, changes, expected] in corpus::<3>("record/metadata") {
        let [what, changes, expected] =
            [what, changes, expected].map(|column| String::from_utf8(column).unwrap());
        let shown = metadata_after(&changes).unwrap_or_else(|invalid| format!("!{invalid}"));
        assert_eq!(shown, expected, "{what}");
    }
}

#[test]
fn what_is_shown_has_what_the_payload_has_not() {
    let conversation = conversation(r#"{"created_by":"ava","conversation_metadata":{"crm_id":7}}"#);
    let shown: serde_json::Value = serde_json::from_str(&conversation.public_json()).unwrap();
    assert_eq!(shown["conversation_analysis"], serde_json::Value::Null, "there is none yet");
    assert_eq!(shown["conversation_transcript"], serde_json::json!([]));
    assert_eq!((&shown["created_by"], &shown["is_test_call"]), (&"ava".into(), &serde_json::Value::Null));
    assert_eq!(keys(&payload(EventKind::Completed, &conversation)), KEYS);
    assert_eq!(metadata(&conversation).unwrap(), r#"{"crm_id":7}"#);
    assert_eq!(metadata(&self::conversation("{}")), None);
}
