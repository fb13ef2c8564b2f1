//! `AWS::DynamoDB::Table`.

use serde::Deserialize;

use super::error::TemplateError;
use super::resource::Resource;

/// One table. Every key attribute is a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Logical id.
    pub id: String,
    /// The key of an item.
    pub key: Key,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute that holds an item's expiry.
    pub time_to_live: Option<String>,
}

/// The names of the two attributes that identify an item.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<KeyElement>")]
pub struct Key {
    /// The partition key.
    pub hash: String,
    /// The sort key.
    pub range: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Index {
    /// Its name.
    #[serde(rename = "IndexName")]
    pub name: String,
    /// Its key.
    #[serde(rename = "KeySchema")]
    pub key: Key,
    /// What it copies from the table.
    pub projection: Projection,
}

/// What an index copies from its table besides keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "ProjectionType")]
pub enum Projection {
    /// Every attribute.
    #[serde(rename = "ALL")]
    All,
    /// Nothing.
    #[serde(rename = "KEYS_ONLY")]
    KeysOnly,
    /// These.
    #[serde(rename = "INCLUDE")]
    Include {
        /// Attribute names; DynamoDB takes 20 for an index and 100 for a table.
        #[serde(rename = "NonKeyAttributes")]
        attributes: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    attribute_definitions: Vec<AttributeDefinition>,
    key_schema: Key,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    time_to_live_specification: Option<TimeToLive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

impl TryFrom<Vec<KeyElement>> for Key {
    type Error = &'static str;

    fn try_from(elements: Vec<KeyElement>) -> Result<Self, Self::Error> {
        match <[KeyElement; 2]>::try_from(elements) {
            Ok([hash, range]) if hash.key_type == "HASH" && range.key_type == "RANGE" => {
                Ok(Self { hash: hash.attribute_name, range: range.attribute_name })
            }
            _ => Err("a key must be a HASH and a RANGE"),
        }
    }
}

impl Key {
    /// Both names.
    #[must_use]
    pub fn attributes(&self) -> [&str; 2] {
        [&self.hash, &self.range]
    }
}

impl Table {
    /// Names of all key attributes, of the table and its indexes, each once and in order.
    #[must_use]
    pub fn key_attributes(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.key.attributes().into();
        names.extend(self.indexes.iter().flat_map(|index| index.key.attributes()));
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn read(resource: &Resource<'_>) -> Result<Self, TemplateError> {
        let properties: Properties = resource.properties()?;
        let table = Self {
            id: resource.id.to_owned(),
            key: properties.key_schema,
            indexes: properties.global_secondary_indexes,
            time_to_live: properties
                .time_to_live_specification
                .filter(|ttl| ttl.enabled)
                .map(|ttl| ttl.attribute_name),
        };
        table.check_definitions(&properties.attribute_definitions)?;
        Ok(table)
    }

    /// DynamoDB requires exactly the key attributes to be defined; that all are strings is this project's rule.
    fn check_definitions(&self, definitions: &[AttributeDefinition]) -> Result<(), TemplateError> {
        let mut strings: Vec<_> = definitions
            .iter()
            .filter(|definition| definition.attribute_type == "S")
            .map(|definition| definition.attribute_name.as_str())
            .collect();
        strings.sort_unstable();
        if strings == self.key_attributes() && strings.len() == definitions.len() {
            Ok(())
        } else {
            Err(TemplateError::of(
                &self.id,
                "AttributeDefinitions must be exactly the key attributes, of type S",
            ))
        }
    }
}
