//! The platform's changes to a conversation.

use strum::VariantArray;

use crate::conversation::fields::{Clear, ConversationFields};
use crate::conversation::provider::{Provider, Reference};
use crate::shared::invalid::{Invalid, Mistakes, both};
use crate::shared::json::JsonObject;
use crate::shared::timestamp::Timestamp;

/// A change to a conversation's record, as the platform states it.
#[derive(Clone, Default)]
pub struct ConversationPatch {
    /// The fields that are stated.
    pub fields: ConversationFields,
    /// The fields that become unknown.
    pub cleared: Vec<Clear>,
    /// The conversation's references at providers.
    pub references: Vec<Reference>,
    /// When the conversation is expected to end; `Some(None)` withdraws the expectation.
    pub expected_end: Option<Option<Timestamp>>,
}

impl ConversationPatch {
    /// Reads a caller's JSON object. Skips `conversation_id`, which names the record and is not part of it.
    ///
    /// # Errors
    /// The fields that are unknown or of the wrong type.
    pub fn parse(mut fields: JsonObject) -> Result<Self, Invalid> {
        let (mut references, mut mistakes) = (Vec::new(), Mistakes::default());
        for &provider in Provider::VARIANTS {
            let field = provider.reference_field();
            let id = fields.take::<Option<String>>(field, "must be a string").map(Option::flatten);
            let reference = id.and_then(|id| id.map(|id| Reference::parse(provider, id, field)).transpose());
            references.extend(mistakes.note(reference).flatten());
        }
        let expected_end = fields.take::<Option<Timestamp>>(
            "expected_end",
            "must be a time such as 2026-09-01T10:00:00Z, or null",
        );
        let rest = both(expected_end, ConversationFields::parse_change(fields));
        let ((), (expected_end, (fields, cleared))) = both(mistakes.none(), rest)?;
        Ok(Self { fields, cleared, references, expected_end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<ConversationPatch, Invalid> {
        ConversationPatch::parse(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn what_is_no_part_of_the_payload_is_told_apart() {
        let change =
            parse(r#"{"notes":"n","daily_room":"r1","expected_end":"2026-09-01T10:00:00Z"}"#).unwrap();
        assert_eq!(change.fields.to_json(), r#"{"notes":"n"}"#);
        assert_eq!(change.references, [Reference::parse(Provider::Daily, "r1", "daily_room").unwrap()]);
        assert_eq!(change.expected_end, Some(Timestamp::parse("2026-09-01T10:00:00Z")));
        assert_eq!(parse(r#"{"expected_end":null}"#).unwrap().expected_end, Some(None));
        assert_eq!(parse("{}").unwrap().expected_end, None);
        // As of the payload's fields, `null` says nothing.
        assert!(parse(r#"{"daily_room":null,"twilio_call_sid":null}"#).unwrap().references.is_empty());
    }

    #[test]
    fn a_wrong_value_names_its_field() {
        for (field, value) in [
            ("daily_room", "5"),
            ("twilio_call_sid", "\"\""),
            ("twilio_call_sid", "\"a#b\""),
            ("expected_end", "\"soon\""),
            ("expected_end", "1788256800"),
            ("surprise", "1"),
        ] {
            assert_eq!(parse(&format!("{{\"{field}\":{value}}}")).err().unwrap().field, field, "{value}");
        }
    }
}
