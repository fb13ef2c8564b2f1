//! The fields of a conversation's record that the platform and providers state.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::conversation::metadata::{METADATA, Metadata};
use crate::conversation::status::ConversationStatus;
use crate::conversation::value::{List, Seconds, Text, read};
use crate::event::kind::EventKind;
use crate::shared::invalid::{Invalid, Mistakes};
use crate::shared::json::{JsonObject, json_of};

/// Makes one field unknown.
pub type Clear = fn(&mut ConversationFields);

/// Declares the fields once, and what treats them all alike.
macro_rules! fields {
    ($($(#[$doc:meta])+ $name:ident: $type:ty,)+) => {
        /// What is known of a conversation. Holds transcripts and phone numbers: no `Debug`.
        #[derive(Clone, Default, PartialEq, Serialize)]
        pub struct ConversationFields {
            $($(#[$doc])+ #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)+
            /// What else the platform states.
            #[serde(skip_serializing_if = "Metadata::is_empty")]
            pub conversation_metadata: Metadata,
        }

        impl ConversationFields {
            /// Merges `newer`: a given value replaces, an absent one leaves what is there. Metadata is merged by key.
            pub fn merge(&mut self, newer: Self) {
                self.conversation_metadata.merge(newer.conversation_metadata);
                $(self.$name = newer.$name.or(self.$name.take());)+
            }

            /// Fills unknown fields, and keys of the metadata, from `known`.
            pub fn fill(&mut self, known: Self) {
                self.conversation_metadata.fill(known.conversation_metadata);
                $(self.$name = self.$name.take().or(known.$name);)+
            }

            /// What of `known` fills unknown fields, and all of its metadata.
            pub(crate) fn lacking(&self, known: Self) -> Self {
                Self {
                    conversation_metadata: known.conversation_metadata,
                    $($name: known.$name.filter(|_| self.$name.is_none()),)+
                }
            }

            /// Makes the fields unknown again that have been filled and not changed since. Metadata stays.
            pub(crate) fn take_back(&mut self, filled: &Self) {
                $(self.$name.take_if(|value| filled.$name.as_ref() == Some(value));)+
            }

            /// Reads a caller's JSON object: the fields that it sets, and those that it clears by `null`. Skips
            /// `conversation_id`, which names the record and is not part of it.
            ///
            /// # Errors
            /// The fields that are unknown or of the wrong type.
            pub fn parse_change(object: JsonObject) -> Result<(Self, Vec<Clear>), Invalid> {
                let (mut given, mut cleared) = (Self::default(), Vec::<Clear>::new());
                let mut mistakes = Mistakes::default();
                for (name, json) in object {
                    match name.as_str() {
                        "conversation_id" => {}
                        METADATA if is_null(&json) => {
                            cleared.push(|fields| fields.conversation_metadata = Metadata::default());
                        }
                        METADATA => {
                            given.conversation_metadata =
                                mistakes.note(Metadata::parse(json)).unwrap_or_default();
                        }
                        $(stringify!($name) if is_null(&json) => cleared.push(|fields| fields.$name = None),)+
                        $(stringify!($name) => {
                            let value = read(json).map_err(|rule| Invalid::new(stringify!($name), rule));
                            given.$name = mistakes.note(value);
                        })+
                        _ => mistakes.extend([Invalid::new(name, "is not a field of a conversation")]),
                    }
                }
                mistakes.none()?;
                Ok((given, cleared))
            }
        }
    };
}

fields! {
    /// Internal document id.
    id: Text,
    /// The agent that handled it.
    agent_id: Text,
    /// Its channel, such as `TELEPHONY`.
    conversation_type: Text,
    /// Its status.
    conversation_status: ConversationStatus,
    /// Notes saved on it.
    notes: Text,
    /// How long it lasted.
    conversation_duration: Seconds,
    /// Where its recording is.
    conversation_recording_url: Text,
    /// `INBOUND` or `OUTBOUND`.
    calling_type: Text,
    /// The provider that carried the call.
    telephony_provider: Text,
    /// The number that was called.
    to_mobile_number: Text,
    /// The number that called.
    from_mobile_number: Text,
    /// Whether it was a test call.
    is_test_call: bool,
    /// Who created it.
    created_by: Text,
    /// Its transcript.
    conversation_transcript: List,
    /// The results of its analysis.
    conversation_analysis: List,
}

fn is_null(json: &RawValue) -> bool {
    json.get() == "null"
}

impl ConversationFields {
    /// Reads a JSON object; `null` is the same as an absent field.
    ///
    /// # Errors
    /// The fields that are unknown or of the wrong type.
    pub fn parse(object: JsonObject) -> Result<Self, Invalid> {
        Self::parse_change(object).map(|(fields, _)| fields)
    }

    /// The conversation's status.
    #[must_use]
    pub const fn status(&self) -> Option<ConversationStatus> {
        self.conversation_status
    }

    pub(crate) const fn set_status(&mut self, status: ConversationStatus) {
        self.conversation_status = Some(status);
    }

    /// Sets the status that an end of this kind leaves.
    pub(crate) fn set_end(&mut self, kind: EventKind) {
        self.conversation_status = ConversationStatus::after(kind).or(self.conversation_status);
    }

    /// Appends the reason for an unreported end to `notes`.
    pub(crate) fn add_note(&mut self, note: &str) {
        let before = self.notes.as_ref().map(Text::text);
        self.notes = Some(before.map_or_else(|| note.into(), |before| format!("{before}\n{note}").into()));
    }

    /// Their size as JSON, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.to_json().len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The JSON object that [`ConversationFields::parse`] reads back, for the table.
    #[must_use]
    pub fn to_json(&self) -> String {
        json_of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::patch::ConversationPatch;
    use crate::conversation::record::Conversation;
    use crate::shared::timestamp::Timestamp;
    use crate::testing::fakes::sample;

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

    fn record(json: &str) -> Conversation {
        let mut record =
            Conversation::new(sample::account(), sample::conversation_id(), Timestamp::from_millis(7));
        record.apply(&ConversationPatch::parse(serde_json::from_str(json).unwrap()).unwrap());
        record
    }

    #[test]
    fn a_newer_value_replaces_null_clears_and_silence_keeps() {
        let mut record = record(r#"{"notes":"a","agent_id":"x","calling_type":"OUTBOUND"}"#);
        let newer = r#"{"notes":"b","agent_id":null,"id":null}"#;
        record.apply(&ConversationPatch::parse(serde_json::from_str(newer).unwrap()).unwrap());
        assert_eq!(record.fields.to_json(), r#"{"notes":"b","calling_type":"OUTBOUND"}"#);
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
        assert_eq!(fields.notes.unwrap().json(), r#""one\ntwo""#);
    }

    /// Neither fields that are passed over nor white space in a list take up a record's room.
    #[test]
    fn what_counts_is_what_is_kept() {
        let spaced = parse("{\"notes\":null,\"conversation_transcript\":[ 1 ,\n 2 ]}").unwrap();
        assert_eq!(spaced.len(), r#"{"conversation_transcript":[1,2]}"#.len());
    }

    #[test]
    fn values_are_carried_to_the_byte() {
        let transcript = r#"[{"z":1.50,"a":"é"},12345678901234567890123]"#;
        let fields = parse(&format!("{{\"conversation_transcript\":{transcript}}}")).unwrap();
        let again = parse(&fields.to_json()).unwrap();
        assert_eq!(again.conversation_transcript.unwrap().json(), transcript);
    }
}
