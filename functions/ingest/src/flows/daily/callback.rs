//! Parses Daily's webhooks.

use std::time::Duration;

use domain::conversation::fields::ConversationFields;
use domain::conversation::provider::{Provider, Reference};
use domain::event::kind::EventKind;
use domain::lifecycle::provider_callback::{CallProgress, Ending, ProviderCallback};
use domain::shared::invalid::Invalid;
use domain::shared::timestamp::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::flows::unreadable::unreadable;

/// Whether the body is the test request that Daily sends when a webhook is registered, before a secret is set.
pub(super) fn is_probe(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body == json!({"test": "test"}))
}

/// The envelope of every Daily webhook.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    payload: Map<String, Value>,
    /// When the webhook was sent, in seconds since the epoch.
    event_ts: f64,
}

/// Parses a webhook. `None` for the many types that say nothing about a call's progress.
pub(super) fn read(body: &[u8]) -> Result<Option<ProviderCallback>, Invalid> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| Invalid::new("body", unreadable("is not a Daily webhook", &error)))?;
    let payload = Payload(&envelope.payload);
    let Some(progress) = progress(&envelope.kind, &payload) else { return Ok(None) };
    let room = payload.text("room").ok_or_else(|| Invalid::new("payload.room", "is missing"))?;
    Ok(Some(ProviderCallback {
        reference: Reference::parse(Provider::Daily, room, "payload.room")?,
        // Daily's documented deduplication key: duplicates happen, and share it.
        id: format!("{}/{}", envelope.kind, envelope.id),
        at: ["end_ts", "joined_at", "timestamp"]
            .iter()
            .find_map(|name| payload.seconds(name))
            .map_or_else(|| moment(envelope.event_ts), moment),
        began: ["start_ts", "joined_at"].iter().find_map(|name| payload.seconds(name)).map(moment),
        progress,
        known: known(&envelope.kind, &payload),
    }))
}

struct Payload<'a>(&'a Map<String, Value>);

impl<'a> Payload<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// A number of seconds; the field `timestamp` holds it as a string.
    fn seconds(&self, name: &str) -> Option<f64> {
        let value = self.0.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    }
}

fn progress(kind: &str, payload: &Payload<'_>) -> Option<CallProgress> {
    match kind {
        "dialout.answered" | "dialin.connected" => Some(CallProgress::Answered),
        // The agent joins as an owner of the room and has nobody to talk to until someone else joins.
        "participant.joined" | "participant.left" => {
            let is_owner = payload.0.get("owner").and_then(Value::as_bool).unwrap_or_default();
            (!is_owner).then_some(CallProgress::Answered)
        }
        "meeting.ended" | "dialout.stopped" | "dialin.stopped" => Some(CallProgress::Ended(Ending::ByAnswer)),
        "dialout.error" | "dialin.error" => Some(CallProgress::Ended(Ending::As(EventKind::Failed))),
        _ => None,
    }
}

fn known(kind: &str, payload: &Payload<'_>) -> ConversationFields {
    let number = |name| payload.text(name).filter(|text| text.starts_with('+')).map(Value::from);
    let telephony = |calling_type: &str| {
        ConversationFields::of([
            ("conversation_type", Some(json!("TELEPHONY"))),
            ("calling_type", Some(json!(calling_type))),
            ("telephony_provider", Some(json!("DAILY"))),
            ("to_mobile_number", number("destination")),
            ("from_mobile_number", number("origin").or_else(|| number("sip_from"))),
        ])
    };
    match kind.split_once('.') {
        Some(("dialout", _)) => telephony("OUTBOUND"),
        Some(("dialin", _)) => telephony("INBOUND"),
        Some(("meeting", _)) => ConversationFields::of([
            ("conversation_type", Some(json!("DAILY"))),
            ("conversation_duration", duration(payload).map(|span| json!(span.as_secs_f64().round() as u64))),
        ]),
        _ => ConversationFields::default(),
    }
}

/// Duration of a meeting, which Daily reports as start and end.
fn duration(payload: &Payload<'_>) -> Option<Duration> {
    let seconds = payload.seconds("end_ts")? - payload.seconds("start_ts")?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Converts seconds since the epoch. An invalid number becomes the epoch itself, which is long ago.
fn moment(seconds: f64) -> Timestamp {
    Timestamp::default() + Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(kind: &str, payload: &Value) -> Result<Option<ProviderCallback>, Invalid> {
        let body = json!({"version": "1.0.0", "type": kind, "id": "i", "payload": payload, "event_ts": 1.5});
        read(body.to_string().as_bytes())
    }

    #[test]
    fn a_type_is_news_by_the_table() {
        let failed = Some(CallProgress::Ended(Ending::As(EventKind::Failed)));
        let over = Some(CallProgress::Ended(Ending::ByAnswer));
        for (kind, owner, expected) in [
            ("dialout.answered", false, Some(CallProgress::Answered)),
            ("dialin.connected", false, Some(CallProgress::Answered)),
            ("participant.joined", false, Some(CallProgress::Answered)),
            ("participant.left", false, Some(CallProgress::Answered)),
            ("participant.left", true, None),
            ("meeting.ended", false, over),
            ("dialout.stopped", false, over),
            ("dialin.stopped", false, over),
            ("dialout.error", false, failed),
            ("dialin.error", false, failed),
            ("meeting.started", false, None),
            ("recording.started", false, None),
        ] {
            let callback = webhook(kind, &json!({"room": "r1", "owner": owner})).unwrap();
            assert_eq!(callback.map(|callback| callback.progress), expected, "{kind}");
        }
    }

    #[test]
    fn a_meeting_tells_its_duration_and_a_call_its_numbers() {
        let meeting =
            json!({"room": "r1", "meeting_id": "m", "start_ts": 1_756_720_000.1, "end_ts": 1_756_720_060.2});
        let callback = webhook("meeting.ended", &meeting).unwrap().unwrap();
        assert_eq!(callback.known.get("conversation_duration"), Some("60"));
        assert_eq!(callback.known.get("conversation_type"), Some("\"DAILY\""));
        assert_eq!(callback.at, Timestamp::from_millis(1_756_720_060_200));
        let call = json!({"room": "r1", "destination": "+12098888888", "origin": "sip:room@example.com"});
        let known = webhook("dialout.answered", &call).unwrap().unwrap().known;
        assert_eq!(known.get("to_mobile_number"), Some("\"+12098888888\""));
        assert_eq!(known.get("from_mobile_number"), None, "a room's address is not a phone number");
        assert_eq!(known.get("calling_type"), Some("\"OUTBOUND\""));
    }

    #[test]
    fn what_is_missing_or_strange_is_named() {
        assert_eq!(webhook("meeting.ended", &json!({})).err().unwrap().field, "payload.room");
        assert_eq!(webhook("meeting.ended", &json!({"room": "a#b"})).err().unwrap().field, "payload.room");
        assert_eq!(read(b"{}").err().unwrap().field, "body");
        assert!(webhook("meeting.ended", &json!({"room": "r", "start_ts": 5, "end_ts": -1e300})).is_ok());
    }

    #[test]
    fn a_probe_is_a_probe() {
        assert!(is_probe(br#"{"test":"test"}"#));
        for other in [&b""[..], b"{}", br#"{"test":"other"}"#, br#"{"test":"test","type":"meeting.ended"}"#] {
            assert!(!is_probe(other));
        }
    }
}
