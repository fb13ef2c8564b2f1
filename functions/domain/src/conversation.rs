//! A conversation's record: what the platform tells us of it, value for value.
//!
//! The record's fields are the payload's fields. Values are checked for their type and then carried as the JSON text
//! that came in: a transcript is never parsed and printed anew, so a number keeps its digits and an object its order.

use std::fmt::Write;

use serde_json::value::RawValue;

use crate::completion::{Ended, LateSignal};
use crate::event::EventKind;
use crate::ids::{AccountId, ConversationId, digest, hex};
use crate::invalid::Invalid;
use crate::json::Fields;
use crate::timestamp::Timestamp;

/// Largest record, in bytes of JSON.
pub const MAX_RECORD_BYTES: usize = 2 << 20;

/// What we know of one conversation.
#[derive(Clone)]
pub struct Conversation {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its public id.
    pub id: ConversationId,
    /// The fields that the platform set.
    pub details: Details,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
    /// Signals of an end that came after it had ended and said otherwise: the notes of the losers.
    pub late_signals: Vec<LateSignal>,
    /// When we first heard of it.
    pub created_at: Timestamp,
    /// When the record was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; a write names the version that it has read.
    pub version: u64,
}

impl Conversation {
    /// A conversation that we hear of for the first time.
    #[must_use]
    pub fn new(account_id: AccountId, id: ConversationId, now: Timestamp) -> Self {
        Self {
            account_id,
            id,
            details: Details::default(),
            ended: None,
            late_signals: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }

    /// The payload's `id` where the platform gave none: 24 hex digits, as its own document ids have.
    fn document_id(&self) -> String {
        hex(&digest(&["document", self.account_id.as_str(), self.id.as_str()])[..12])
    }

    /// The fields as JSON, in the payload's order, between what goes before and after them: all of them, `null` where
    /// unknown.
    pub(crate) fn json(&self, before: &[(&str, String)], after: &[(&str, String)]) -> String {
        let mut json = String::with_capacity(self.details.len() + 512);
        let mut put = |name: &str, value: &str| {
            json.push(if json.is_empty() { '{' } else { ',' });
            let _ = write!(json, "\"{name}\":{value}"); // writing to a String cannot fail
        };
        for (name, value) in before {
            put(name, value);
        }
        for field in &FIELDS {
            match field.name {
                "conversation_id" => put(field.name, &json_of(&self.id)),
                "id" if self.details.get("id").is_none() => put(field.name, &json_of(&self.document_id())),
                name => put(name, self.details.get(name).unwrap_or(field.shape.unknown())),
            }
        }
        for (name, value) in after {
            put(name, value);
        }
        json.push('}');
        json
    }

    /// The latest full record, as the conversation API shows it: the payload's fields, and what we know besides.
    #[must_use]
    pub fn public_json(&self) -> String {
        self.json(
            &[],
            &[
                ("event_id", json_of(&self.ended.as_ref().map(|ended| &ended.event_id))),
                ("ended_at", json_of(&self.ended.as_ref().map(|ended| ended.at))),
                ("late_signals", json_of(&self.late_signals)),
                ("created_at", json_of(&self.created_at)),
                ("updated_at", json_of(&self.updated_at)),
            ],
        )
    }
}

/// Our ids, times and notes always serialize.
pub(crate) fn json_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Seconds,
    Flag,
    List,
    Status,
}

struct Field {
    name: &'static str,
    shape: Shape,
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape }
}

/// The fields of a record, in the order in which the payload has them after `event`.
const FIELDS: [Field; 15] = [
    field("id", Shape::Text),
    field("conversation_id", Shape::Text),
    field("agent_id", Shape::Text),
    field("conversation_type", Shape::Text),
    field("conversation_status", Shape::Status),
    field("notes", Shape::Text),
    field("conversation_duration", Shape::Seconds),
    field("conversation_recording_url", Shape::Text),
    field("calling_type", Shape::Text),
    field("telephony_provider", Shape::Text),
    field("to_mobile_number", Shape::Text),
    field("from_mobile_number", Shape::Text),
    field("is_test_call", Shape::Flag),
    field("conversation_transcript", Shape::List),
    field("conversation_analysis", Shape::List),
];

impl Shape {
    /// What the payload says where nothing is known.
    const fn unknown(self) -> &'static str {
        match self {
            Self::List => "[]",
            Self::Text | Self::Seconds | Self::Flag | Self::Status => "null",
        }
    }

    /// Checks a value that is not `null`.
    fn check(self, value: &RawValue) -> Result<(), &'static str> {
        let fits = match self {
            Self::Text => serde_json::from_str::<String>(value.get()).is_ok(),
            Self::Seconds => serde_json::from_str::<f64>(value.get()).is_ok_and(|seconds| seconds >= 0.0),
            Self::Flag => serde_json::from_str::<bool>(value.get()).is_ok(),
            // As values, because only so serde_json limits how deep they are nested (128).
            Self::List => serde_json::from_str::<Vec<serde_json::Value>>(value.get()).is_ok(),
            Self::Status => serde_json::from_str::<ConversationStatus>(value.get()).is_ok(),
        };
        if fits { Ok(()) } else { Err(self.rule()) }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Text => "must be a string or null",
            Self::Seconds => "must be a number of seconds, 0 or more, or null",
            Self::Flag => "must be true, false or null",
            Self::List => "must be an array, nested at most 127 deep",
            Self::Status => "must be one of PENDING, IN_PROGRESS, COMPLETED, DISCONNECTED, FAILED",
        }
    }
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConversationStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Finished successfully.
    Completed,
    /// Ended early, or nobody answered.
    Disconnected,
    /// Ended in a failed state.
    Failed,
}

impl ConversationStatus {
    /// The event that tells of it; `None` while the conversation has not ended.
    #[must_use]
    pub const fn event(self) -> Option<EventKind> {
        match self {
            Self::Pending | Self::InProgress => None,
            Self::Completed => Some(EventKind::Completed),
            Self::Disconnected => Some(EventKind::Disconnected),
            Self::Failed => Some(EventKind::Failed),
        }
    }
}

impl EventKind {
    const fn status_json(self) -> &'static str {
        match self {
            Self::Completed => "\"COMPLETED\"",
            Self::Disconnected => "\"DISCONNECTED\"",
            Self::Failed => "\"FAILED\"",
        }
    }
}

/// The fields of a record that were set, each as checked JSON. Holds transcripts and phone numbers: no `Debug`.
#[derive(Clone, Default)]
pub struct Details(Vec<(&'static str, Box<RawValue>)>);

impl Details {
    /// Reads a caller's JSON object. `conversation_id` is left out: it names the record and is not part of it.
    ///
    /// # Errors
    /// The first field that is unknown, given twice or of the wrong type.
    pub fn parse(fields: Fields) -> Result<Self, Invalid> {
        let mut details = Self::default();
        for (name, value) in fields.into_iter().filter(|(name, _)| name != "conversation_id") {
            let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
                return Err(Invalid::new(name, "is no field of a conversation"));
            };
            if value.get() != "null" {
                field.shape.check(&value).map_err(|rule| Invalid::new(field.name, rule))?;
            }
            details.set(field.name, value);
        }
        Ok(details)
    }

    /// Takes over what `newer` has: a given value replaces, `null` clears, an absent field stays.
    pub fn merge(&mut self, newer: Self) {
        for (name, value) in newer.0 {
            self.set(name, value);
        }
    }

    /// The conversation's status.
    #[must_use]
    pub fn status(&self) -> Option<ConversationStatus> {
        serde_json::from_str(self.get("conversation_status")?).ok()
    }

    pub(crate) fn end(&mut self, kind: EventKind) {
        if let Ok(status) = RawValue::from_string(kind.status_json().to_owned()) {
            self.set("conversation_status", status);
        }
    }

    /// The JSON text of a field; `None` where it is unknown.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(set, _)| *set == name)
            .map(|(_, value)| value.get())
            .filter(|value| *value != "null")
    }

    fn set(&mut self, name: &'static str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(set, _)| *set == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// About how many bytes of JSON they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON object that [`Details::parse`] reads back, for the table.
    #[must_use]
    pub fn to_json(&self) -> String {
        let fields: Vec<_> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Details, Invalid> {
        Details::parse(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_wrong_value_names_its_field() {
        for (field, value) in [
            ("notes", "5"),
            ("conversation_duration", "\"142\""),
            ("conversation_duration", "-1"),
            ("is_test_call", "\"no\""),
            ("conversation_transcript", "{}"),
            ("conversation_status", "\"DONE\""),
            ("surprise", "1"),
        ] {
            let wrong = parse(&format!("{{\"{field}\":{value}}}")).err().unwrap();
            assert_eq!(wrong.field, field, "{value}");
        }
        let deep = format!("{{\"conversation_analysis\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(parse(&deep).err().unwrap().field, "conversation_analysis");
    }

    #[test]
    fn a_newer_value_replaces_null_clears_and_silence_keeps() {
        let mut details = parse(r#"{"notes":"a","agent_id":"x","calling_type":"OUTBOUND"}"#).unwrap();
        details.merge(parse(r#"{"notes":"b","agent_id":null}"#).unwrap());
        assert_eq!(details.get("notes"), Some("\"b\""));
        assert_eq!(details.get("agent_id"), None);
        assert_eq!(details.get("calling_type"), Some("\"OUTBOUND\""));
    }

    #[test]
    fn values_are_carried_to_the_byte() {
        let transcript = r#"[{"z":1.50,"a":"é"},12345678901234567890123]"#;
        let details = parse(&format!("{{\"conversation_transcript\":{transcript}}}")).unwrap();
        assert_eq!(details.get("conversation_transcript"), Some(transcript));
        let again = parse(&details.to_json()).unwrap();
        assert_eq!(again.get("conversation_transcript"), Some(transcript));
    }
}
