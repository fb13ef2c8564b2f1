//! Properties that hold for any input: queue messages, cursors, records, URLs and payloads.

mod payloads;
mod urls;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::payload::payload;
use crate::conversation::record::Conversation;
use crate::delivery::message::Message;
use crate::delivery_log::cursor::{decode, encode};
use crate::delivery_log::position::Position;
use crate::delivery_log::search::Filter;
use crate::event::kind::EventKind;
use crate::shared::json::JsonObject;
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::{Fuzz, assert_readable, sample};

/// Parts of queue messages.
const MESSAGE_WORDS: [&str; 12] = [
    "[\"event\",1,",
    "[\"delivery\",1,",
    "\"v\":2,",
    "\"v\":1,",
    "\"more\":0,",
    "\"type\":\"event\",",
    "\"type\":\"delivery\",",
    "\"trigger\":\"resend\",",
    "conversation.failed",
    "9999-12-31T23:59:59.999-01:00",
    "0000-01-01T00:00:00Z",
    "dlv_",
];

#[test]
fn a_message_is_ours_or_it_does_not_parse() {
    let fuzz = Fuzz::of("messages")
        .with_samples("dispatch", |sample| Some(sample.pointer("/Records/0/body")?.as_str()?.to_owned()))
        .with_words(&MESSAGE_WORDS);
    fuzz.run(|input| {
        let Ok(body) = std::str::from_utf8(input) else { return };
        let Ok(message) = Message::parse(body) else { return };
        assert_eq!(Message::parse(&message.body()).unwrap(), message);
        let fields: Value = serde_json::from_str(body).unwrap();
        assert_eq!(fields["v"], 1, "another version");
        let known = serde_json::from_str::<Value>(&message.body()).unwrap();
        let all = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(all(&fields), all(&known), "an unknown field is accepted");
    });
}

/// Inputs are tried both as a cursor's text and as the bytes it encodes.
#[test]
fn a_cursor_is_the_one_that_was_given_out() {
    let (account, secret) = (sample::account(), [7; 32]);
    let filter = Filter { event: Some(EventKind::Failed), ..Filter::default() };
    let position = Position {
        created_at: Timestamp::from_millis(1_788_256_800_000),
        delivery_id: sample::delivery().id,
    };
    let genuine = encode(&position, &account, &filter, &secret);
    let check = |text: &str| match decode(text, &account, &filter, &secret) {
        Ok(found) => assert_eq!((text, &found), (genuine.as_str(), &position)),
        Err(error) => assert_eq!(error.field, "cursor"),
    };
    let fuzz = Fuzz::of("cursors").with_seed(genuine.clone()).with_seed(format!("{genuine}\n"));
    fuzz.with_seed(URL_SAFE_NO_PAD.decode(&genuine).unwrap()).run(|input| {
        check(&String::from_utf8_lossy(input));
        check(&URL_SAFE_NO_PAD.encode(input));
    });
}

/// Parts of a record.
const RECORD_WORDS: [&str; 16] = [
    "\\ud83d",
    "\\udc4b",
    "1e400",
    "\u{feff}",
    "\"expected_end\":\"9999-12-31T23:59:59.999-01:00\",",
    "\"expected_end\":\"0000-01-01T00:00:00+01:00\",",
    "\"expected_end\":null,",
    "\"daily_room\":\"r1\",",
    "\"conversation_duration\":0,",
    "\"conversation_transcript\":[",
    "\"is_test_call\":false,",
    "\"notes\":null,",
    "\"conversation_status\":\"PENDING\",",
    "\"event\":1,",
    "\"created_by\":\"ava\",",
    "\"conversation_metadata\":{\"a\":null,\"b\":{},",
];

/// A conversation's fields, as a platform sends them in every flow: what is accepted can be stored, shown, sent.
#[test]
fn a_record_is_taken_or_a_field_is_named() {
    let fuzz = Fuzz::of("bodies").with_words(&RECORD_WORDS).with_samples("ingest", |sample| {
        let route = sample["routeKey"].as_str()?;
        (route.starts_with("PUT") || route.ends_with("hangup")).then_some(sample["body"].as_str()?.to_owned())
    });
    fuzz.run(|input| {
        let parse = || JsonObject::parse(input, "body");
        let fields = match parse() {
            Ok(fields) => fields,
            Err(error) => return assert_readable(&error),
        };
        if let Ok(Value::Object(names)) = serde_json::from_slice(input) {
            let given = parse().unwrap().into_iter().count();
            assert_eq!(given, names.len(), "a duplicate field is accepted");
        }
        let change = match ConversationPatch::parse(fields) {
            Ok(change) => change,
            Err(error) => return assert_readable(&error),
        };
        let kept =
            ConversationFields::parse(serde_json::from_str(&change.fields.to_json()).unwrap()).unwrap();
        assert!(kept == change.fields, "the fields are stored unchanged");
        let mut record =
            Conversation::new(sample::account(), sample::conversation_id(), Timestamp::from_millis(7));
        record.apply(&change);
        // As raw fields: a number of any size is carried.
        let shown = JsonObject::parse(record.public_json().as_bytes(), "record").unwrap();
        assert_eq!(shown.optional("expected_end", "must be a time"), Ok(Some(record.expected_end)));
        let sent = JsonObject::parse(&payload(EventKind::Completed, &record), "payload").unwrap();
        assert_eq!(sent.into_iter().count(), 16, "a payload always has every key");
    });
}
