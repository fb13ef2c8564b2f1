//! A JSON object as an ordered list of fields, each value still as text.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::shared::invalid::Invalid;

/// The value as JSON text. Our ids, times and notes always serialize.
pub(crate) fn json_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Most fields in one object: several times what any of ours has. Each name is compared with the rest.
const MAX_FIELDS: usize = 100;

/// The fields of one JSON object; no name occurs twice.
pub struct JsonObject(Vec<(String, Box<RawValue>)>);

impl JsonObject {
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
        let value = self.optional(name, rule)?;
        self.0.retain(|(given, _)| given != name);
        Ok(value)
    }

    /// Refuses unknown fields, so that a misspelt one is not silently ignored.
    ///
    /// # Errors
    /// The first unknown field.
    pub fn allow_only(&self, known: &[&str]) -> Result<(), Invalid> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(Invalid::new(name.clone(), "is not a known field")),
            None => Ok(()),
        }
    }
}

impl IntoIterator for JsonObject {
    type Item = (String, Box<RawValue>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = JsonObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<JsonObject, M::Error> {
                let mut fields: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.len() == MAX_FIELDS {
                        return Err(M::Error::custom(format_args!("it has more than {MAX_FIELDS} fields")));
                    }
                    if fields.iter().any(|(given, _)| *given == name) {
                        return Err(M::Error::custom(format_args!("the field {name:?} is given twice")));
                    }
                    fields.push((name, value));
                }
                Ok(JsonObject(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
