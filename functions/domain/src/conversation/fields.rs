//! The fields of a conversation's record that the payload contains, value for value.
//!
//! Values are checked for their type and kept as the JSON text that was received: a transcript is never serialized
//! anew, so a number keeps its digits and an object its order.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::conversation::status::ConversationStatus;
use crate::shared::invalid::Invalid;
use crate::shared::json::{JsonObject, json_of};

/// The type of a field's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Seconds,
    Flag,
    List,
    Status,
}

/// One field of a record.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape }
}

/// The fields of a record, in the order in which the payload has them after `event`.
pub(crate) const FIELDS: [Field; 15] = [
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
    /// The payload's value for an unknown field.
    pub(crate) const fn unknown(self) -> &'static str {
        match self {
            Self::List => "[]",
            Self::Text | Self::Seconds | Self::Flag | Self::Status => "null",
        }
    }

    /// Checks a value that is not `null` by its type alone: what is JSON is carried, a number of any size too.
    fn check(self, value: &RawValue) -> Result<(), Cow<'static, str>> {
        let text = value.get();
        let fits = match self {
            Self::Text => text.starts_with('"'),
            Self::Seconds => text.parse::<f64>().is_ok_and(|seconds| seconds >= 0.0),
            Self::Flag => ["true", "false"].contains(&text),
            Self::List => text.starts_with('['),
            Self::Status => serde_json::from_str::<ConversationStatus>(text).is_ok(),
        };
        if !fits {
            return Err(self.rule().into());
        }
        match first_too_deep(text) {
            Some(at) => {
                let byte = at + 1;
                Err(format!(
                    "must be nested at most {MAX_DEPTH} deep, and is deeper at byte {byte} of its value"
                )
                .into())
            }
            None => Ok(()),
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Text => "must be a string or null",
            Self::Seconds => "must be a number of seconds, 0 or more, or null",
            Self::Flag => "must be true, false or null",
            Self::List => "must be an array",
            Self::Status => "must be one of PENDING, IN_PROGRESS, COMPLETED, DISCONNECTED, FAILED",
        }
    }
}

/// Deepest nesting of a value. Parsers limit it, lest a text exhaust their stack.
const MAX_DEPTH: usize = 127;

/// Where a JSON text is nested deeper than [`MAX_DEPTH`].
fn first_too_deep(json: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    json.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

/// The fields of a record that were set, each as checked JSON. Holds transcripts and phone numbers: no `Debug`.
#[derive(Clone, Default)]
pub struct ConversationFields(Vec<(&'static str, Box<RawValue>)>);

/// Compares byte by byte, including the order in which the fields were set.
impl PartialEq for ConversationFields {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

impl ConversationFields {
    /// Reads a caller's JSON object. Skips `conversation_id`, which names the record and is not part of it.
    ///
    /// # Errors
    /// The first field that is unknown, given twice or of the wrong type.
    pub fn parse(object: JsonObject) -> Result<Self, Invalid> {
        let mut fields = Self::default();
        for (name, value) in object.into_iter().filter(|(name, _)| name != "conversation_id") {
            let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
                return Err(Invalid::new(name, "is not a field of a conversation"));
            };
            if value.get() != "null" {
                field.shape.check(&value).map_err(|rule| Invalid::new(field.name, rule))?;
            }
            fields.set(field.name, value);
        }
        Ok(fields)
    }

    /// Collects what a provider reports of a conversation. A value that is `None` or of the wrong type stays unknown.
    #[must_use]
    pub fn of<const N: usize>(seen: [(&'static str, Option<Value>); N]) -> Self {
        let mut fields = Self::default();
        for (name, value) in seen {
            let shape = FIELDS.iter().find(|field| field.name == name).map(|field| field.shape);
            let value = value.and_then(|value| RawValue::from_string(value.to_string()).ok());
            if let (Some(shape), Some(value)) = (shape, value)
                && shape.check(&value).is_ok()
            {
                fields.set(name, value);
            }
        }
        fields
    }

    /// Merges `newer`: a given value replaces, `null` clears, an absent field stays.
    pub fn merge(&mut self, newer: Self) {
        for (name, value) in newer.0 {
            self.set(name, value);
        }
    }

    /// Fills unknown fields from `known`.
    pub fn fill(&mut self, known: Self) {
        for (name, value) in known.0 {
            if self.get(name).is_none() {
                self.set(name, value);
            }
        }
    }

    /// The conversation's status.
    #[must_use]
    pub fn status(&self) -> Option<ConversationStatus> {
        serde_json::from_str(self.get("conversation_status")?).ok()
    }

    pub(crate) fn set_status(&mut self, status: ConversationStatus) {
        if let Ok(status) = RawValue::from_string(json_of(&status)) {
            self.set("conversation_status", status);
        }
    }

    /// Appends the reason for an unreported end to `notes`.
    pub(crate) fn add_note(&mut self, note: &str) {
        let before = self.get("notes").and_then(|notes| serde_json::from_str::<String>(notes).ok());
        let notes = before.map_or_else(|| note.to_owned(), |before| format!("{before}\n{note}"));
        if let Ok(notes) = RawValue::from_string(json_of(&notes)) {
            self.set("notes", notes);
        }
    }

    /// The JSON text of a field; `None` if it is unknown.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(set, _)| *set == name)
            .map(|(_, value)| value.get())
            .filter(|value| *value != "null")
    }

    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.get()))
    }

    fn set(&mut self, name: &'static str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(set, _)| *set == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Their approximate size as JSON, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON object that [`ConversationFields::parse`] reads back, for the table.
    #[must_use]
    pub fn to_json(&self) -> String {
        let fields: Vec<_> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<ConversationFields, Invalid> {
        ConversationFields::parse(serde_json::from_str(json).unwrap())
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
        let mut fields = parse(r#"{"notes":"a","agent_id":"x","calling_type":"OUTBOUND"}"#).unwrap();
        fields.merge(parse(r#"{"notes":"b","agent_id":null}"#).unwrap());
        assert_eq!(fields.get("notes"), Some("\"b\""));
        assert_eq!(fields.get("agent_id"), None);
        assert_eq!(fields.get("calling_type"), Some("\"OUTBOUND\""));
    }

    #[test]
    fn what_is_known_fills_only_what_is_unknown() {
        let mut fields = parse(r#"{"notes":"a","agent_id":null}"#).unwrap();
        fields.fill(parse(r#"{"notes":"b","agent_id":"x","calling_type":"OUTBOUND"}"#).unwrap());
        let expected = parse(r#"{"notes":"a","agent_id":"x","calling_type":"OUTBOUND"}"#).unwrap();
        assert!(fields == expected);
    }

    #[test]
    fn a_note_is_added_and_replaces_nothing() {
        let mut fields = ConversationFields::default();
        fields.add_note("one");
        fields.add_note("two");
        assert_eq!(fields.get("notes"), Some(r#""one\ntwo""#));
    }

    #[test]
    fn values_are_carried_to_the_byte() {
        let transcript = r#"[{"z":1.50,"a":"é"},12345678901234567890123]"#;
        let fields = parse(&format!("{{\"conversation_transcript\":{transcript}}}")).unwrap();
        assert_eq!(fields.get("conversation_transcript"), Some(transcript));
        let again = parse(&fields.to_json()).unwrap();
        assert_eq!(again.get("conversation_transcript"), Some(transcript));
    }
}
