//! What the platform knows of a conversation besides its fields: by which call of a campaign it came about, who asked for
//! it, or its number in a CRM.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::conversation::value::{FieldValue, Verbatim, compact, read};
use crate::shared::invalid::Invalid;
use crate::shared::json::json_of;

/// The field in which it is stated and shown.
pub(crate) const METADATA: &str = "conversation_metadata";

/// Largest metadata of a conversation, in bytes of JSON.
const MAX_BYTES: usize = 16 << 10;

/// Keys that the API adds for a call, from the record's own fields.
const RESERVED: [&str; 6] = [
    "to_mobile_number",
    "from_mobile_number",
    "calling_type",
    "telephony_provider",
    "conversation_recording_url",
    "conversation_duration",
];

/// A JSON object in the order in which its keys were first given. In a change, `null` removes a key; a record has no such
/// key.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(IndexMap<String, Verbatim>);

impl FieldValue for Metadata {
    const RULE: &'static str = "must be an object or null";

    fn read(json: Box<RawValue>) -> Option<Self> {
        serde_json::from_str(compact(json).get()).ok()
    }
}

impl Metadata {
    /// Reads a caller's object.
    ///
    /// # Errors
    /// It is no object, is nested too deep, or has a key that is reserved.
    pub(crate) fn parse(json: Box<RawValue>) -> Result<Self, Invalid> {
        let metadata: Self = read(json).map_err(|rule| Invalid::new(METADATA, rule))?;
        match RESERVED.into_iter().find(|name| metadata.0.contains_key(*name)) {
            None => Ok(metadata),
            Some(name) => Err(Invalid::new(
                format!("{METADATA}.{name}"),
                "is a field of the conversation: state it as one",
            )),
        }
    }

    /// One key with a text.
    #[must_use]
    pub fn of(key: &str, text: &str) -> Self {
        Self(IndexMap::from([(key.to_owned(), text.into())]))
    }

    /// Merges `newer` key by key: a value replaces, `null` removes.
    pub(crate) fn merge(&mut self, newer: Self) {
        for (key, value) in newer.0 {
            if value.json() == "null" {
                self.0.shift_remove(&key);
            } else {
                self.0.insert(key, value);
            }
        }
    }

    /// Fills keys that are missing from `known`.
    pub(crate) fn fill(&mut self, known: Self) {
        for (key, value) in known.0 {
            self.0.entry(key).or_insert(value);
        }
    }

    /// Checks that it is not too large.
    pub(crate) fn check_size(&self) -> Result<(), Invalid> {
        if json_of(self).len() > MAX_BYTES {
            Err(Invalid::new(METADATA, "must take at most 16 KiB of JSON in all"))
        } else {
            Ok(())
        }
    }

    /// Whether it has no keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
