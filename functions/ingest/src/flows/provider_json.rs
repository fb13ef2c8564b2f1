//! The JSON of providers, of which only the fields that are used are read: whatever is in another, no callback may be
//! lost for it.

use std::collections::HashMap;

use domain::shared::invalid::Invalid;
use domain::shared::json::{parse_object, readable};
use serde_json::value::RawValue;

/// The fields of one JSON object, each value still as text. Of a name that occurs twice, the last.
pub(super) struct ProviderJson(HashMap<String, Box<RawValue>>);

impl ProviderJson {
    /// Reads a body that is a JSON object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let text = readable(body);
        parse_object(&text, "body")
            .or_else(|invalid| parse_object(&mended(&text), "body").map_err(|_| invalid))
            .map(Self)
    }

    /// The object in a field.
    pub(super) fn object(&self, field: &'static str) -> Result<Self, Invalid> {
        let value = self.0.get(field).ok_or_else(|| Invalid::new(field, "is missing"))?;
        parse_object(value.get(), field).map(Self)
    }

    /// The string in a field, which errors call `field`.
    pub(super) fn string(&self, name: &str, field: &'static str) -> Result<String, Invalid> {
        let value = self.0.get(name).ok_or_else(|| Invalid::new(field, "is missing"))?;
        serde_json::from_str(value.get()).map_err(|_| Invalid::new(field, "must be a string"))
    }

    /// A field's string, number or boolean as text.
    pub(super) fn scalar(&self, name: &str) -> Option<String> {
        scalar(self.0.get(name)?)
    }

    /// All strings, numbers and booleans as text.
    pub(super) fn into_scalars(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter().filter_map(|(name, value)| Some((name, scalar(&value)?)))
    }
}

/// The text as JSON if it has only what writers of JSON get wrong: `NaN` and `Infinity`, which become `null`, and control
/// characters in strings.
fn mended(text: &str) -> String {
    /// What Python and others write for numbers that JSON does not have.
    const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    let mut mended = String::with_capacity(text.len());
    let (mut in_text, mut is_escaped) = (false, false);
    let mut rest = text.chars();
    loop {
        let at = rest.as_str();
        if !in_text && let Some(after) = NO_NUMBERS.iter().find_map(|word| at.strip_prefix(word)) {
            mended.push_str("null");
            rest = after.chars();
            continue;
        }
        let Some(c) = rest.next() else { return mended };
        in_text ^= c == '"' && !is_escaped;
        is_escaped = in_text && c == '\\' && !is_escaped;
        match c {
            '\0'..='\x1f' if in_text => mended.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => mended.push(c),
        }
    }
}

fn scalar(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        nested if nested.starts_with(['[', '{']) => None,
        text => Some(text.to_owned()),
    }
}
