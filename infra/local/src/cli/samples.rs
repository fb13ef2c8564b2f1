//! The requests of the flows, made from the sample events: with ids of their own, and of now.

use adapters::function::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::shared::timestamp::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

macro_rules! samples {
    ($($file:literal),+) => { &[$(include_str!(concat!("../../../../events/ingest/", $file, ".json"))),+] };
}

/// What can be sent, and the samples that it is made of.
const KINDS: [(&str, &[&str]); 13] = [
    ("completed", samples!("conversation-completed")),
    ("disconnected", samples!("conversation-disconnected")),
    ("failed", samples!("conversation-failed")),
    ("call-answered", samples!("outbound-call-answered")),
    ("call-not-answered", samples!("outbound-call-not-answered")),
    ("twilio-completed", samples!("twilio-completed")),
    ("twilio-busy", samples!("twilio-busy")),
    ("twilio-no-answer", samples!("twilio-no-answer")),
    ("twilio-canceled", samples!("twilio-canceled")),
    ("twilio-failed", samples!("twilio-failed")),
    ("daily-ended", samples!("daily-dialout-answered", "daily-meeting-ended")),
    ("daily-not-answered", samples!("daily-meeting-ended")),
    ("daily-failed", samples!("daily-dialout-error", "daily-meeting-ended")),
];

/// The names of all kinds.
pub(crate) fn kinds() -> [&'static str; KINDS.len()] {
    KINDS.map(|(name, _)| name)
}

/// The moment of the samples, in seconds since the epoch.
const MOMENT: u64 = 1_788_256_800;

/// How long before it their meetings ended and began.
const BEFORE: [u64; 3] = [0, 20, 162];

/// The ids in the samples: of a conversation, a room, a document, a call, a session and a meeting.
const OF_SAMPLES: [&str; 6] = [
    "a28e7071-508e-4d45-8887-085531aafaba",
    "my-room",
    "69316c7d6519e8d49433e40b",
    "CA00000000000000000000000000000001",
    "7d208e2a-520b-4a8d-a2c9-3a36dfa0d342",
    "f2aa1ade",
];

/// The ids of one conversation.
pub(crate) struct Ids {
    pub(crate) conversation: String,
    /// A room at Daily.
    pub(crate) room: String,
    document: String,
    call: String,
    session: String,
    meeting: String,
}

impl Ids {
    pub(crate) fn new() -> Self {
        let hex = || Uuid::new_v4().simple().to_string();
        let uuid = || Uuid::new_v4().to_string();
        Self {
            conversation: uuid(),
            room: format!("room-{}", hex()),
            document: hex()[..24].to_owned(),
            call: format!("CA{}", hex()),
            session: uuid(),
            meeting: hex()[..8].to_owned(),
        }
    }

    /// A sample's text with these ids in place of its own, and with times that lead to now.
    fn put_into(&self, text: &str, now: Timestamp) -> String {
        let ids = [&self.conversation, &self.room, &self.document, &self.call, &self.session, &self.meeting];
        let ids = OF_SAMPLES.iter().zip(ids);
        let text = ids.fold(text.to_owned(), |text, (sample, id)| text.replace(sample, id));
        BEFORE.iter().fold(text, |text, before| {
            text.replace(&(MOMENT - before).to_string(), &(now.as_secs() - before).to_string())
        })
    }
}

/// A request of a flow.
pub(crate) struct Request {
    /// The path of a platform's flow.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) body: Body,
}

/// What a request carries.
pub(crate) enum Body {
    Json(Map<String, Value>),
    Form(Vec<(String, String)>),
}

impl Request {
    /// The requests of a kind for one conversation, with these fields changed.
    pub(crate) fn of(
        kind: &str,
        ids: &Ids,
        set: &[(String, String)],
        now: Timestamp,
    ) -> Result<Vec<Self>, Error> {
        let samples = KINDS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, samples)| samples);
        samples.iter().map(|sample| Self::read(sample, ids, set, now)).collect()
    }

    fn read(sample: &str, ids: &Ids, set: &[(String, String)], now: Timestamp) -> Result<Self, Error> {
        let event: Value = serde_json::from_str(sample)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (body, content_type) = (text(&event["body"]), text(&event["headers"]["content-type"]));
        let body = match event["isBase64Encoded"].as_bool() {
            Some(true) => String::from_utf8(STANDARD.decode(body)?)?,
            _ => body,
        };
        let body = ids.put_into(&body, now);
        let path = text(&event["routeKey"]).replace("POST ", "");
        let body = if content_type.starts_with("application/json") {
            let mut body: Map<String, Value> = serde_json::from_str(&body)?;
            let fields = match body.get_mut("payload") {
                Some(Value::Object(payload)) => payload,
                _ => &mut body,
            };
            // What is not JSON is a text.
            fields.extend(set.iter().map(|(name, value)| {
                (name.clone(), serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into()))
            }));
            Body::Json(body)
        } else {
            let mut body: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            body.retain(|(name, _)| !set.iter().any(|(set, _)| set == name));
            body.extend_from_slice(set);
            Body::Form(body)
        };
        let query = ids.put_into(&text(&event["rawQueryString"]), now);
        Ok(Self { path, query, content_type, body })
    }
}

impl Body {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Json(fields) => Value::Object(fields.clone()).to_string(),
            Self::Form(pairs) => form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_sample_is_left() {
        let now = Timestamp::from_millis(2_000_000_000_000);
        for kind in kinds() {
            for request in Request::of(kind, &Ids::new(), &[], now).unwrap() {
                let text = request.query + &request.body.text();
                for id in OF_SAMPLES {
                    assert!(!text.contains(id), "{kind}: {text}");
                }
                assert!(!text.contains("17882"), "{kind}: {text}");
            }
        }
    }

    #[test]
    fn a_field_that_is_set_replaces_the_samples() {
        let set = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        let first = |kind, set: &[_]| {
            Request::of(kind, &Ids::new(), set, Timestamp::from_millis(2_000_000_000_000)).unwrap().remove(0)
        };
        let Body::Json(hangup) = first("completed", &set("conversation_duration", "7")).body else {
            panic!()
        };
        assert_eq!(hangup["conversation_duration"], 7);
        let Body::Json(hangup) = first("completed", &set("to_mobile_number", "+1")).body else { panic!() };
        assert_eq!(hangup["to_mobile_number"], "+1");
        let Body::Json(meeting) = first("daily-not-answered", &set("room", "r")).body else { panic!() };
        assert_eq!(meeting["payload"]["room"], "r");
        let Body::Form(call) = first("twilio-busy", &set("CallDuration", "7")).body else { panic!() };
        let durations: Vec<_> = call.iter().filter(|(name, _)| name == "CallDuration").collect();
        assert_eq!(durations, [&("CallDuration".to_owned(), "7".to_owned())]);
    }
}
