//! The rows of destinations' health: one of its own for each, so that its writes are none of the destination's.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::destination::health::Health;
use domain::destination::record::Destination;
use domain::shared::ids::{AccountId, DestinationId};
use domain::shared::unavailable::Result;

use super::item::{Item, from_item, key, n, to_item};
use super::table::Condition;

/// Prefix of the partition. It is not the account's own because Dispatch may write no other row of it: see
/// `KeepHealth` in the template.
const PARTITION: &str = "health#";

pub(super) fn health_partition(account: &AccountId) -> String {
    format!("{PARTITION}{account}")
}

pub(super) fn health_key(account: &AccountId, destination: &DestinationId) -> Item {
    key(health_partition(account), destination.as_str())
}

/// The row that follows `health`, and the condition that the stored one is still that.
pub(super) fn health_row(of: &Destination, health: &Health) -> Result<(Item, Condition)> {
    let mut row = to_item(&health.clone().next_version())?;
    row.extend(health_key(&of.account_id, &of.id));
    Ok((row, Condition::Unchanged(vec![("version", n(health.version))])))
}

/// The destination's id and its health.
pub(super) fn parse_health(row: Item) -> Result<(String, Health)> {
    let id = row.get("sk").and_then(|sk: &AttributeValue| sk.as_s().ok()).cloned().unwrap_or_default();
    Ok((id, from_item(row)?))
}
