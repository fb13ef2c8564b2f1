//! Conversion between rows and DynamoDB items.

use std::cell::RefCell;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use domain::shared::encryption::Encrypted;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

/// An item in the SDK's representation.
pub(super) type Item = HashMap<String, AttributeValue>;

thread_local! {
    /// At zstd's default level, 3, which compresses JSON nearly as well as it can, in a fraction of the time. Kept, because
    /// creating one takes longer than compressing most texts.
    static COMPRESSOR: RefCell<Compressor<'static>> = RefCell::default();
    /// Kept for the same reason.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// An item holds 400 KB, attribute names and all other attributes included.
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// The largest compressed text, which leaves room for the other attributes.
pub(super) const MAX_COMPRESSED_BYTES: usize = 390 * 1024;

/// The largest decompressed text: twice the largest record, which leaves room for the payload's other keys.
const MAX_DECOMPRESSED_BYTES: usize = 2 * domain::conversation::record::MAX_RECORD_BYTES;

/// A primary key: every table has the attributes `pk` and `sk`.
pub(super) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    HashMap::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

/// The partition of one of an account's resources.
pub(super) fn partition(account: &domain::shared::ids::AccountId, of: impl std::fmt::Display) -> String {
    format!("{account}#{of}")
}

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Whether an item is past its time: the table removes it days later.
pub(super) fn is_expired(item: &Item, now: Timestamp) -> bool {
    let expires_at = item.get("expires_at").and_then(|at| at.as_n().ok()?.parse().ok());
    expires_at.is_some_and(|at: u64| at <= now.as_secs())
}

/// A row's secrets, encrypted.
#[derive(Serialize, Deserialize)]
pub(super) struct EncryptedRow {
    data_key: Bytes,
    content: Bytes,
}

impl From<Encrypted> for EncryptedRow {
    fn from(Encrypted { data_key, content }: Encrypted) -> Self {
        Self { data_key, content }
    }
}

impl From<EncryptedRow> for Encrypted {
    fn from(EncryptedRow { data_key, content }: EncryptedRow) -> Self {
        Self { data_key, content }
    }
}

/// Converts a row to an item.
pub(super) fn to_item(row: &impl Serialize) -> Result<Item> {
    serde_dynamo::to_item(row).map_err(|error| Unavailable::new("write a row", error))
}

/// Converts one value to an attribute.
pub(super) fn to_attribute(value: &impl Serialize) -> Result<AttributeValue> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Unavailable::new("write a row", error))
}

/// Converts an item to a row.
pub(super) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamo::from_item(item).map_err(|error| Unavailable::new("read a row", error))
}

/// Whether an item, at its size by DynamoDB's rules, fits into a table with so many bytes to spare.
pub(super) fn fits(item: &Item, spare: usize) -> bool {
    size_of_map(item) + spare <= MAX_ITEM_BYTES
}

fn size_of_map(map: &HashMap<String, AttributeValue>) -> usize {
    map.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // At most: two digits take a byte, and one more for the number.
        AttributeValue::N(digits) => digits.len() + 1,
        AttributeValue::B(blob) => blob.as_ref().len(),
        // A list or map takes three bytes, and one for each element.
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size_of(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.len() + size_of_map(map),
        _ => 1, // a boolean or null; our rows have no sets
    }
}

/// Compresses a text; `None` if the result does not fit into an item.
pub(super) fn compress(text: &[u8]) -> Result<Option<Vec<u8>>> {
    let compressed = COMPRESSOR
        .with_borrow_mut(|compressor| compressor.compress(text))
        .map_err(|error| Unavailable::new("compress a record", error))?;
    Ok((compressed.len() <= MAX_COMPRESSED_BYTES).then_some(compressed))
}

/// Decompresses a text.
pub(super) fn decompress(compressed: &[u8]) -> Result<Vec<u8>> {
    // Without this, zstd would reserve the maximum for every text.
    let size = get_frame_content_size(compressed).ok().flatten().and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or(MAX_DECOMPRESSED_BYTES).min(MAX_DECOMPRESSED_BYTES);
    DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.decompress(compressed, size))
        .map_err(|error| Unavailable::new("decompress a record", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back_and_what_does_not_fit_is_told() {
        let text = b"transcript ".repeat(100_000);
        let compressed = compress(&text).unwrap().unwrap();
        assert_eq!(decompress(&compressed).unwrap(), text);
        // A linear congruential generator: its output cannot be compressed.
        let noise: Vec<u8> = (0..500_000u32)
            .scan(1u32, |state, _| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some((*state >> 24) as u8)
            })
            .collect();
        assert_eq!(compress(&noise).unwrap(), None);
    }
}
