//! Parses Twilio's status callbacks of calls and recordings.

use domain::conversation::fields::ConversationFields;
use domain::conversation::provider::{Provider, Reference};
use domain::conversation::value::{Seconds, Text};
use domain::event::kind::EventKind;
use domain::lifecycle::provider_callback::{CallProgress, Ending, ProviderCallback};
use domain::shared::invalid::Invalid;
use domain::shared::timestamp::Timestamp;

use crate::flows::provider_json::ProviderJson;

/// The callback's decoded parameters in their original order. No `Debug`, because they hold phone numbers.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::flows) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    pub(in crate::flows) fn of_form(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Parses a JSON object with the same parameter names.
    pub(in crate::flows) fn of_json(body: &[u8]) -> Result<Self, Invalid> {
        Ok(Self(ProviderJson::parse(body)?.into_scalars().collect()))
    }

    /// Whether another call has made this one: up to ten such legs ring at once, and the call goes on when they end. Their
    /// callbacks count only if a conversation names the leg as its own call.
    pub(in crate::flows) fn is_of_a_leg(&self) -> bool {
        self.get("ParentCallSid").is_some()
    }

    fn is_ambiguous(&self, name: &str) -> bool {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        values.next().is_some_and(|first| values.any(|other| other != first))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The parameters that are read.
const READ: [&str; 10] = [
    "CallSid",
    "ParentCallSid",
    "CallStatus",
    "CallDuration",
    "Direction",
    "RecordingStatus",
    "RecordingSid",
    "RecordingUrl",
    "To",
    "From",
];

/// Parses a callback. `None` for an unknown status, which Twilio may add one day, and for a recording that is not ready.
pub(in crate::flows) fn read(
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Option<ProviderCallback>, Invalid> {
    // In the URL of a GET, the first would be the rest of a conversation's id that has a `&` in it.
    if let Some(name) = READ.into_iter().find(|name| parameters.is_ambiguous(name)) {
        return Err(Invalid::new(name, "must be given once"));
    }
    let required = |name| parameters.get(name).ok_or_else(|| Invalid::new(name, "is missing"));
    let reference = Reference::parse(Provider::Twilio, required("CallSid")?, "CallSid")?;
    if let (Some(status), None) = (parameters.get("RecordingStatus"), parameters.get("CallStatus")) {
        if status != "completed" {
            return Ok(None);
        }
        let (sid, url) = (required("RecordingSid")?, required("RecordingUrl")?);
        return Ok(Some(recorded(reference, sid, url, now)));
    }
    let status = required("CallStatus")?;
    let Some(progress) = progress(status) else { return Ok(None) };
    let known = known(parameters, progress);
    Ok(Some(ProviderCallback { reference, id: status.to_owned(), at: now, began: None, progress, known }))
}

/// Word of a recording that is ready.
/// <https://www.twilio.com/docs/voice/api/recording#recordingstatuscallback>
fn recorded(reference: Reference, sid: &str, url: &str, now: Timestamp) -> ProviderCallback {
    let known =
        ConversationFields { conversation_recording_url: Some(url.into()), ..ConversationFields::default() };
    let id = format!("recording/{sid}");
    ProviderCallback { reference, id, at: now, began: None, progress: CallProgress::Recorded, known }
}

fn progress(status: &str) -> Option<CallProgress> {
    let ended = |kind| Some(CallProgress::Ended(Ending::As(kind)));
    match status {
        "queued" | "initiated" | "ringing" => Some(CallProgress::Placed),
        "in-progress" => Some(CallProgress::Answered),
        // Twilio's `completed` means that the call was answered and has ended.
        "completed" => ended(EventKind::Completed),
        "busy" | "no-answer" | "canceled" => ended(EventKind::Disconnected),
        "failed" => ended(EventKind::Failed),
        _ => None,
    }
}

fn known(parameters: &Parameters, progress: CallProgress) -> ConversationFields {
    let text = |name| parameters.get(name).map(Text::from);
    let calling_type = match parameters.get("Direction") {
        Some("inbound") => Some("INBOUND".into()),
        Some("outbound-api" | "outbound-dial") => Some("OUTBOUND".into()),
        _ => None,
    };
    // `CallDuration` is in seconds; `Duration`, which is sent with it, in minutes.
    let seconds = parameters.get("CallDuration").and_then(|seconds| seconds.parse::<u64>().ok());
    ConversationFields {
        conversation_type: Some("TELEPHONY".into()),
        conversation_duration: seconds
            .filter(|_| matches!(progress, CallProgress::Ended(_)))
            .map(Seconds::from),
        conversation_recording_url: text("RecordingUrl"),
        calling_type,
        telephony_provider: Some("TWILIO".into()),
        to_mobile_number: text("To"),
        from_mobile_number: text("From"),
        ..ConversationFields::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(form: &str) -> Result<Option<ProviderCallback>, Invalid> {
        read(&Parameters::of_form(form.as_bytes()), Timestamp::from_millis(7))
    }

    #[test]
    fn a_status_is_news_by_the_table() {
        let ended = |kind| Some(CallProgress::Ended(Ending::As(kind)));
        for (status, expected) in [
            ("queued", Some(CallProgress::Placed)),
            ("initiated", Some(CallProgress::Placed)),
            ("ringing", Some(CallProgress::Placed)),
            ("in-progress", Some(CallProgress::Answered)),
            ("completed", ended(EventKind::Completed)),
            ("busy", ended(EventKind::Disconnected)),
            ("no-answer", ended(EventKind::Disconnected)),
            ("canceled", ended(EventKind::Disconnected)),
            ("failed", ended(EventKind::Failed)),
            ("teleported", None),
        ] {
            let callback = callback(&format!("CallSid=CA1&CallStatus={status}")).unwrap();
            assert_eq!(callback.map(|callback| callback.progress), expected, "{status}");
        }
    }

    #[test]
    fn a_duration_is_the_one_in_seconds() {
        let form = "CallSid=CA1&CallStatus=completed&CallDuration=142&Duration=3&Direction=inbound\
                    &To=%2B14155550123&From=%2B14155550999&RecordingUrl=https%3A%2F%2Fapi.twilio.com%2Fr";
        let known = callback(form).unwrap().unwrap().known;
        assert_eq!(known.conversation_duration.unwrap().json(), "142");
        assert_eq!(known.calling_type.unwrap().text(), "INBOUND");
        assert_eq!(known.to_mobile_number.unwrap().text(), "+14155550123");
        assert_eq!(known.conversation_recording_url.unwrap().text(), "https://api.twilio.com/r");
    }

    #[test]
    fn a_recording_counts_once_it_is_ready() {
        let form =
            "CallSid=CA1&RecordingSid=RE1&RecordingUrl=https%3A%2F%2Fapi.twilio.com%2Fr&RecordingStatus=";
        for status in ["in-progress", "absent", "failed", "deleted"] {
            assert!(callback(&format!("{form}{status}")).unwrap().is_none(), "{status}");
        }
        let ready = callback(&format!("{form}completed")).unwrap().unwrap();
        assert_eq!((ready.progress, ready.id.as_str()), (CallProgress::Recorded, "recording/RE1"));
        assert_eq!(ready.known.to_json(), r#"{"conversation_recording_url":"https://api.twilio.com/r"}"#);
        // A callback of the call is one, whatever else it tells.
        let call = callback(&format!("{form}completed&CallStatus=in-progress")).unwrap().unwrap();
        assert_eq!(call.progress, CallProgress::Answered);
    }

    #[test]
    fn json_says_the_same_as_a_form() {
        let json = br#"{"CallSid":"CA1","CallStatus":"completed","CallDuration":142,"Direction":null}"#;
        let callback = read(&Parameters::of_json(json).unwrap(), Timestamp::from_millis(7)).unwrap().unwrap();
        assert_eq!(callback.known.conversation_duration.unwrap().json(), "142");
        assert_eq!(Parameters::of_json(b"[]").err().unwrap().field, "body");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(callback("CallStatus=busy").err().unwrap().field, "CallSid");
        assert_eq!(callback("CallSid=CA1").err().unwrap().field, "CallStatus");
        let recording = "CallSid=CA1&RecordingStatus=completed";
        assert_eq!(callback(recording).err().unwrap().field, "RecordingSid");
        assert_eq!(callback(&format!("{recording}&RecordingSid=RE1")).err().unwrap().field, "RecordingUrl");
        assert_eq!(callback("CallSid=a%23b&CallStatus=busy").err().unwrap().field, "CallSid");
        assert_eq!(
            callback("CallStatus=failed&CallSid=CA1&CallStatus=ringing").err().unwrap().field,
            "CallStatus"
        );
        assert!(callback("CallStatus=busy&CallSid=CA1&CallStatus=busy&Digits=1&Digits=2").is_ok());
    }
}
