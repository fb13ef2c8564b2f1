//! The values of a conversation's fields. Each keeps the JSON text that was received, so that it is passed on as it came:
//! a number keeps its digits, a string its escapes and an object its order.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::conversation::status::ConversationStatus;
use crate::shared::json::significant;

/// The type of a field's value.
pub(crate) trait FieldValue: Sized {
    /// What a value must be.
    const RULE: &'static str;

    /// Reads a value that is not `null`; `None` if it is of another type.
    fn read(json: Box<RawValue>) -> Option<Self>;
}

/// Declares types that keep a value's JSON text. They hold transcripts and phone numbers: no `Debug`.
macro_rules! verbatim {
    ($($(#[$doc:meta])+ $name:ident)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<RawValue>);

        impl $name {
            /// Its JSON text.
            #[must_use]
            pub fn json(&self) -> &str {
                self.0.get()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.json() == other.json()
            }
        }
    )+};
}

verbatim! {
    /// A string.
    Text
    /// A number of seconds, 0 or more.
    Seconds
    /// An array of anything, without white space between its tokens.
    List
    /// Any value.
    Verbatim
}

impl FieldValue for Text {
    const RULE: &'static str = "must be a string or null";

    fn read(json: Box<RawValue>) -> Option<Self> {
        json.get().starts_with('"').then_some(Self(json))
    }
}

impl FieldValue for Seconds {
    const RULE: &'static str = "must be a number of seconds, 0 or more, or null";

    fn read(json: Box<RawValue>) -> Option<Self> {
        json.get().parse::<f64>().is_ok_and(|seconds| seconds >= 0.0).then_some(Self(json))
    }
}

impl FieldValue for List {
    const RULE: &'static str = "must be an array";

    fn read(json: Box<RawValue>) -> Option<Self> {
        json.get().starts_with('[').then(|| Self(compact(json)))
    }
}

impl FieldValue for bool {
    const RULE: &'static str = "must be true, false or null";

    fn read(json: Box<RawValue>) -> Option<Self> {
        serde_json::from_str(json.get()).ok()
    }
}

impl FieldValue for ConversationStatus {
    const RULE: &'static str = "must be one of PENDING, IN_PROGRESS, COMPLETED, DISCONNECTED, FAILED";

    fn read(json: Box<RawValue>) -> Option<Self> {
        serde_json::from_str(json.get()).ok()
    }
}

impl Text {
    /// The string itself.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::from_str(self.json()).unwrap_or_default()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(raw(&text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(raw(&text))
    }
}

impl From<&str> for Verbatim {
    fn from(text: &str) -> Self {
        Self(raw(&text))
    }
}

impl From<u64> for Seconds {
    fn from(seconds: u64) -> Self {
        Self(raw(&seconds))
    }
}

impl FromIterator<Value> for List {
    fn from_iter<T: IntoIterator<Item = Value>>(items: T) -> Self {
        Self(raw(&Value::from_iter(items)))
    }
}

/// Serializes one of our own values.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    // Strings, numbers and lists always serialize.
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Removes white space between tokens, byte for byte.
pub(super) fn compact(json: Box<RawValue>) -> Box<RawValue> {
    let compact: Vec<u8> = significant(json.get().as_bytes()).collect();
    String::from_utf8(compact).ok().and_then(|text| RawValue::from_string(text).ok()).unwrap_or(json)
}

/// Checks a value that is not `null` by its type alone: what is JSON is carried, a number of any size too.
pub(crate) fn read<T: FieldValue>(json: Box<RawValue>) -> Result<T, Cow<'static, str>> {
    let too_deep = first_too_deep(json.get());
    let value = T::read(json).ok_or(Cow::Borrowed(T::RULE))?;
    match too_deep {
        None => Ok(value),
        Some(at) => {
            let byte = at + 1;
            Err(format!("must be nested at most {MAX_DEPTH} deep, and is deeper at byte {byte} of its value")
                .into())
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
