//! Message attributes: their wire form, their size and their digest.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::digest;

/// Sorted by name, which is the order the digest wants.
pub(crate) type MessageAttributes = BTreeMap<String, MessageAttributeValue>;

/// One typed value as it travels; a binary one in base64.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MessageAttributeValue {
    pub(crate) data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) binary_value: Option<Base64>,
}

/// Bytes, in base64 wherever they are written down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Base64(Vec<u8>);

impl Base64 {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

impl From<Base64> for String {
    fn from(bytes: Base64) -> Self {
        BASE64_STANDARD.encode(bytes.0)
    }
}

/// What an attribute's digest and size are computed over.
enum Value<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The byte that marks the transport type in the digest (developer guide, "Calculating the
    /// MD5 message digest for message attributes").
    fn transport_type(&self) -> u8 {
        match self {
            Self::Text(_) => 1,
            Self::Bytes(_) => 2,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl MessageAttributeValue {
    pub(crate) fn string(&self) -> Option<&str> {
        self.string_value.as_deref()
    }

    fn value(&self) -> Value<'_> {
        match &self.binary_value {
            Some(bytes) => Value::Bytes(&bytes.0),
            None => Value::Text(self.string().unwrap_or_default()),
        }
    }
}

/// Bytes that count towards the message's size: names, types and values.
pub(crate) fn size(attributes: &MessageAttributes) -> usize {
    let one = |(name, value): (&String, &MessageAttributeValue)| {
        name.len() + value.data_type.len() + value.value().bytes().len()
    };
    attributes.iter().map(one).sum()
}

/// `MD5OfMessageAttributes`; none where there are no attributes.
pub(crate) fn md5<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a MessageAttributeValue)>,
) -> Option<String> {
    let mut md5 = Md5::new();
    let mut any = false;
    for (name, attribute) in attributes {
        any = true;
        let value = attribute.value();
        update_with_length(&mut md5, name.as_bytes());
        update_with_length(&mut md5, attribute.data_type.as_bytes());
        md5.update([value.transport_type()]);
        update_with_length(&mut md5, value.bytes());
    }
    any.then(|| digest::hex(&md5.finalize()))
}

fn update_with_length(md5: &mut Md5, bytes: &[u8]) {
    // No part of a message is longer than 1 MiB, so its length always fits.
    md5.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    md5.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_counts_names_types_and_values() {
        let value = MessageAttributeValue {
            data_type: "String".to_owned(),
            string_value: Some("xyz".to_owned()),
            binary_value: None,
        };
        assert_eq!(size(&MessageAttributes::from([("ab".to_owned(), value)])), 2 + 6 + 3);
    }
}
