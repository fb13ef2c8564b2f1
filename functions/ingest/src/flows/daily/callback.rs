//! Parses Daily's webhooks.

use domain::conversation::fields::ConversationFields;
use domain::conversation::metadata::Metadata;
use domain::conversation::provider::{Provider, Reference};
use domain::conversation::value::{Seconds, Text};
use domain::lifecycle::provider_callback::{CallProgress, Ending, ProviderCallback};
use domain::shared::ids::hex;
use domain::shared::invalid::Invalid;
use domain::shared::timestamp::Timestamp;
use sha2::{Digest, Sha256};

use super::moment::moment;
use crate::flows::provider_json::ProviderJson;

/// Whether the body is the test request that Daily sends when a webhook is registered, before a secret is set. Compared
/// as text: nothing is parsed that is not verified.
pub(super) fn is_probe(body: &[u8]) -> bool {
    body.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(br#"{"test":"test"}"#)
}

/// Parses a webhook that arrives at `now`. `None` for the many types that say nothing about a conversation's progress.
pub(in crate::flows) fn read(body: &[u8], now: Timestamp) -> Result<Option<ProviderCallback>, Invalid> {
    let envelope = ProviderJson::parse(body)?;
    let kind = envelope.string("type", "type")?;
    let Some(progress) = progress(&kind) else { return Ok(None) };
    let payload = envelope.object("payload")?;
    // The agent joins as an owner of the room and has nobody to talk to until someone else joins.
    if kind.starts_with("participant.") && payload.scalar("owner").as_deref() == Some("true") {
        return Ok(None);
    }
    let is_recording = progress == CallProgress::Recorded;
    let (name, field) =
        if is_recording { ("room_name", "payload.room_name") } else { ("room", "payload.room") };
    let room = payload.string(name, field)?;
    let told = |name: &&str| moment(&payload.scalar(name)?);
    let began = ["start_ts", "joined_at", "timestamp"].iter().find_map(told);
    let reported = ["end_ts", "joined_at", "timestamp"].iter().find_map(told);
    let sent = || envelope.scalar("event_ts").and_then(|number| moment(&number));
    // Daily's documented deduplication key: duplicates happen, and share it.
    let id = envelope.scalar("id").unwrap_or_else(|| hex(&Sha256::digest(body)[..8]));
    Ok(Some(ProviderCallback {
        reference: Reference::parse(Provider::Daily, room, field)?,
        id: format!("{kind}/{id}"),
        at: reported.or_else(sent).unwrap_or(now).max(began.unwrap_or_default()),
        began,
        progress,
        known: known(&kind, &payload)?,
    }))
}

/// The progress that a type reports. Only the meeting's end is the conversation's: Daily's own example dials up to five
/// times into one room, and a caller may be transferred.
fn progress(kind: &str) -> Option<CallProgress> {
    match kind {
        "dialout.answered" | "dialin.connected" | "participant.joined" | "participant.left" => {
            Some(CallProgress::Answered)
        }
        "dialout.error" | "dialin.error" => Some(CallProgress::LegFailed),
        "meeting.ended" => Some(CallProgress::Ended(Ending::ByAnswer)),
        "recording.ready-to-download" => Some(CallProgress::Recorded),
        _ => None,
    }
}

fn known(kind: &str, payload: &ProviderJson) -> Result<ConversationFields, Invalid> {
    let number = |name| payload.scalar(name).filter(|text| text.starts_with('+')).map(Text::from);
    let telephony = |calling_type: &str| ConversationFields {
        conversation_type: Some("TELEPHONY".into()),
        calling_type: Some(calling_type.into()),
        telephony_provider: Some("DAILY".into()),
        to_mobile_number: number("destination"),
        from_mobile_number: number("origin").or_else(|| number("sip_from")),
        ..ConversationFields::default()
    };
    Ok(match kind.split_once('.') {
        Some(("dialout", _)) => telephony("OUTBOUND"),
        Some(("dialin", _)) => telephony("INBOUND"),
        Some(("meeting", _)) => ConversationFields {
            conversation_type: Some("DAILY".into()),
            conversation_duration: duration(payload).map(Seconds::from),
            ..ConversationFields::default()
        },
        // Its URL takes the platform's key for Daily.
        Some(("recording", _)) => ConversationFields {
            conversation_metadata: Metadata::of(
                "daily_recording_id",
                &payload.string("recording_id", "payload.recording_id")?,
            ),
            ..ConversationFields::default()
        },
        _ => ConversationFields::default(),
    })
}

/// Duration of a meeting, which Daily reports as start and end.
fn duration(payload: &ProviderJson) -> Option<u64> {
    let moment = |name| moment(&payload.scalar(name)?);
    let span = moment("end_ts")?.since(moment("start_ts")?);
    Some(span.as_secs_f64().round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_756_720_062_000);

    fn webhook(kind: &str, payload: &Value) -> Result<Option<ProviderCallback>, Invalid> {
        let body = json!({"version": "1.0.0", "type": kind, "id": "i", "payload": payload, "event_ts": 1.5});
        read(body.to_string().as_bytes(), NOW)
    }

    #[test]
    fn a_type_is_news_by_the_table() {
        let over = Some(CallProgress::Ended(Ending::ByAnswer));
        for (kind, owner, expected) in [
            ("dialout.answered", false, Some(CallProgress::Answered)),
            ("dialin.connected", false, Some(CallProgress::Answered)),
            ("participant.joined", false, Some(CallProgress::Answered)),
            ("participant.left", false, Some(CallProgress::Answered)),
            ("participant.left", true, None),
            ("meeting.ended", false, over),
            ("dialout.stopped", false, None),
            ("dialin.stopped", false, None),
            ("dialout.error", false, Some(CallProgress::LegFailed)),
            ("dialin.error", false, Some(CallProgress::LegFailed)),
            ("meeting.started", false, None),
            ("recording.started", false, None),
            ("recording.ready-to-download", false, Some(CallProgress::Recorded)),
        ] {
            let payload = json!({"room": "r1", "owner": owner, "room_name": "r1", "recording_id": "r-1"});
            let callback = webhook(kind, &payload).unwrap();
            assert_eq!(callback.map(|callback| callback.progress), expected, "{kind}");
        }
    }

    #[test]
    fn a_meeting_tells_its_duration_and_a_call_its_numbers() {
        let meeting =
            json!({"room": "r1", "meeting_id": "m", "start_ts": 1_756_720_000.1, "end_ts": 1_756_720_060.2});
        let callback = webhook("meeting.ended", &meeting).unwrap().unwrap();
        assert_eq!(callback.known.conversation_duration.unwrap().json(), "60");
        assert_eq!(callback.known.conversation_type.unwrap().text(), "DAILY");
        let call = json!({"room": "r1", "destination": "+12098888888", "origin": "sip:room@example.com"});
        let known = webhook("dialout.answered", &call).unwrap().unwrap().known;
        assert_eq!(known.to_mobile_number.unwrap().text(), "+12098888888");
        assert!(known.from_mobile_number.is_none(), "a room's address is not a phone number");
        assert_eq!(known.calling_type.unwrap().text(), "OUTBOUND");
    }

    #[test]
    fn a_recording_tells_its_id_and_when_it_began() {
        let payload = json!({"room_name": "r1", "recording_id": "r-1", "start_ts": 1_756_720_000, "duration": 9,
            "status": "finished", "s3_key": "d/r1/1"});
        let callback = webhook("recording.ready-to-download", &payload).unwrap().unwrap();
        assert_eq!(
            (callback.reference.id(), callback.began),
            ("r1", Some(Timestamp::from_millis(1_756_720_000_000)))
        );
        assert_eq!(callback.known.to_json(), r#"{"conversation_metadata":{"daily_recording_id":"r-1"}}"#);
        for field in ["room_name", "recording_id"] {
            let mut payload = payload.clone();
            payload.as_object_mut().unwrap().remove(field);
            let invalid = webhook("recording.ready-to-download", &payload).err().unwrap();
            assert_eq!(invalid.field, format!("payload.{field}"));
        }
    }

    /// Without an id, a webhook is a repeat of another if it is the same.
    #[test]
    fn a_webhook_without_an_id_is_told_from_others_by_its_content() {
        let id = |ends: u64| {
            let body = json!({"type": "meeting.ended", "payload": {"room": "r1", "end_ts": ends}});
            read(body.to_string().as_bytes(), NOW).unwrap().unwrap().id
        };
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
    }

    #[test]
    fn a_probe_is_a_probe() {
        for probe in [&br#"{"test":"test"}"#[..], b"{ \"test\": \"test\" }\n"] {
            assert!(is_probe(probe));
        }
        for other in [
            &b""[..],
            b"{}",
            br#"{"test":"other"}"#,
            br#"{"test":"test","type":"meeting.ended"}"#,
            br#"{"type":"meeting.ended","test":"test"}"#,
            br#"{"t\u0065st":"test"}"#,
            br#"[{"test":"test"}]"#,
            br#"{"test":"test","test":"test"}"#,
        ] {
            assert!(!is_probe(other));
        }
    }
}
