//! JSON objects as ordered lists of fields, each value still as text, and the text that they are read from.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::shared::invalid::{Invalid, Mistakes};

/// The value as JSON text. Our ids, times and notes always serialize.
pub(crate) fn json_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A body as text that can be read and passed on: without a byte order mark, which RFC 8259 (8.1) lets a parser ignore,
/// and with U+FFFD for bytes that are not UTF-8 and for escapes of half a surrogate pair. A text that was cut by its
/// length ends in such a half, and that is no reason to lose the rest.
#[must_use]
pub fn readable(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match String::from_utf8_lossy(body) {
        Cow::Borrowed(text) => without_half_pairs(text),
        Cow::Owned(text) => Cow::Owned(without_half_pairs(&text).into_owned()),
    }
}

/// Replaces escapes of half a surrogate pair by U+FFFD.
fn without_half_pairs(text: &str) -> Cow<'_, str> {
    /// Bytes of an escaped code unit, such as `\ud83d`.
    const UNIT: usize = 6;
    let unit = |at: usize| u16::from_str_radix(text.get(at..at + UNIT)?.strip_prefix("\\u")?, 16).ok();
    let mut mended = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(next) =
        text.as_bytes().get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        let escape = at + next;
        at = match unit(escape) {
            Some(0xD800..=0xDBFF) if matches!(unit(escape + UNIT), Some(0xDC00..=0xDFFF)) => {
                escape + 2 * UNIT
            }
            Some(0xD800..=0xDFFF) => {
                mended.push_str(&text[kept..escape]);
                mended.push_str("\\ufffd");
                kept = escape + UNIT;
                kept
            }
            Some(_) => escape + UNIT,
            None => escape + 2,
        };
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[kept..]);
    Cow::Owned(mended)
}

/// A JSON text without the white space between its tokens.
pub fn significant(json: &[u8]) -> impl Iterator<Item = u8> {
    let (mut in_text, mut escaped) = (false, false);
    json.iter().copied().filter(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
        in_text || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
    })
}

/// Reads a JSON object of any type whose fields take any value.
///
/// # Errors
/// Names `field` and the position of what is not JSON. The parser's own message is left out: it quotes values, which must
/// not be logged, in words that no caller knows.
pub fn parse_object<'a, T: Deserialize<'a>>(text: &'a str, field: &'static str) -> Result<T, Invalid> {
    // First the syntax alone: numbers of any size, nested to any depth.
    serde_json::from_str::<&RawValue>(text).map_err(|error| {
        Invalid::new(field, format!("is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    serde_json::from_str(text).map_err(|_| Invalid::new(field, "must be a JSON object"))
}

/// Most fields in one object: several times what any of ours has. Each name is compared with the rest.
const MAX_FIELDS: usize = 100;

/// The fields of one JSON object; no name occurs twice.
#[derive(serde::Deserialize)]
#[serde(try_from = "Fields")]
pub struct JsonObject(Vec<(String, Box<RawValue>)>);

impl JsonObject {
    /// Reads a text from outside, such as a request's body; errors about it as a whole name it `what`.
    ///
    /// # Errors
    /// It is not a JSON object, has too many fields, or has one twice.
    pub fn parse(text: &[u8], what: &'static str) -> Result<Self, Invalid> {
        Self::new(parse_object(&readable(text), what)?, what)
    }

    fn new(Fields(fields): Fields, what: &'static str) -> Result<Self, Invalid> {
        if fields.len() > MAX_FIELDS {
            return Err(Invalid::new(what, format!("must have at most {MAX_FIELDS} fields")));
        }
        let is_repeated = |at: &usize| fields[..*at].iter().any(|(name, _)| *name == fields[*at].0);
        match (1..fields.len()).find(is_repeated) {
            Some(at) => Err(Invalid::new(what, format!("has the field {:?} twice", fields[at].0))),
            None => Ok(Self(fields)),
        }
    }

    /// A field's value, or `None` if it is absent.
    ///
    /// # Errors
    /// The value has the wrong type; `rule` says which it must have.
    pub fn optional<T: DeserializeOwned>(
        &self,
        name: &'static str,
        rule: &'static str,
    ) -> Result<Option<T>, Invalid> {
        let Some((_, value)) = self.0.iter().find(|(given, _)| given == name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| Invalid::new(name, rule))
    }

    /// A field's value.
    ///
    /// # Errors
    /// The field is absent, or its value has the wrong type; `rule` says which it must have.
    pub fn required<T: DeserializeOwned>(
        &self,
        name: &'static str,
        rule: &'static str,
    ) -> Result<T, Invalid> {
        self.optional(name, rule)?.ok_or_else(|| Invalid::new(name, "is missing"))
    }

    /// Removes a field and returns its value, or `None` if it is absent.
    ///
    /// # Errors
    /// The value has the wrong type; `rule` says which it must have.
    pub fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        rule: &'static str,
    ) -> Result<Option<T>, Invalid> {
        let value = self.optional(name, rule);
        self.0.retain(|(given, _)| given != name);
        value
    }

    /// Refuses unknown fields, so that a misspelt one is not silently ignored.
    ///
    /// # Errors
    /// The unknown fields.
    pub fn allow_only(&self, known: &[&str]) -> Result<(), Invalid> {
        let names = self.0.iter().map(|(name, _)| name).filter(|name| !known.contains(&name.as_str()));
        names.map(|name| Invalid::new(name.clone(), "is not a known field")).collect::<Mistakes>().none()
    }

    /// Requires fields, of any value.
    ///
    /// # Errors
    /// The fields that are absent.
    pub fn require(&self, names: &[&'static str]) -> Result<(), Invalid> {
        let absent = names.iter().filter(|name| !self.0.iter().any(|(given, _)| given == *name));
        absent.map(|name| Invalid::new(*name, "is missing")).collect::<Mistakes>().none()
    }
}

impl IntoIterator for JsonObject {
    type Item = (String, Box<RawValue>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The fields of an object, unchecked: the first ones, up to one more than are accepted.
struct Fields(Vec<(String, Box<RawValue>)>);

impl TryFrom<Fields> for JsonObject {
    type Error = Invalid;

    fn try_from(fields: Fields) -> Result<Self, Invalid> {
        Self::new(fields, "object")
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while fields.len() <= MAX_FIELDS {
                    let Some(field) = map.next_entry()? else { return Ok(Fields(fields)) };
                    fields.push(field);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// UTF-16's own rule for half pairs, from the standard library.
        #[test]
        fn half_pairs_become_what_utf_16_makes_of_them(
            units in prop::collection::vec(prop_oneof![
                Just(0xD83Du16), Just(0xDC4Bu16), Just(u16::from(b'\\')), Just(u16::from(b'u')), any::<u16>(),
            ], 0..12),
        ) {
            let escaped: String = units.iter().map(|unit| match unit {
                0x5C => "\\\\".to_owned(),
                0x75 => "u".to_owned(),
                unit => format!("\\u{unit:04x}"),
            }).collect();
            let text: String = serde_json::from_str(&readable(format!("\"{escaped}\"").as_bytes())).unwrap();
            prop_assert_eq!(text, String::from_utf16_lossy(&units));
        }

        #[test]
        fn white_space_between_tokens_is_not_significant(
            texts in prop::collection::btree_map(any::<String>(), "[\\\\\" \n]*", 0..6),
        ) {
            let pretty = serde_json::to_string_pretty(&[&texts]).unwrap();
            let compact: Vec<u8> = significant(pretty.as_bytes()).collect();
            prop_assert_eq!(compact, serde_json::to_vec(&[&texts]).unwrap());
        }

        #[test]
        fn what_is_sound_is_not_copied(text in "[^\\\\\u{feff}]*") {
            prop_assert!(matches!(readable(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }
    }
}
