//! The order of the Delivery Logs.

use serde::{Deserialize, Serialize};

use crate::shared::ids::DeliveryId;
use crate::shared::timestamp::Timestamp;

/// The place of a delivery in the log's order: by time, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// When the delivery was created.
    pub created_at: Timestamp,
    /// The delivery.
    pub delivery_id: DeliveryId,
}

impl Position {
    /// Formats the position as a table's sort key, which has the same order.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("{}#{}", sort_prefix(self.created_at), self.delivery_id)
    }

    /// Reads a sort key.
    #[must_use]
    pub fn parse(sort_key: &str) -> Option<Self> {
        let (millis, id) = sort_key.split_once('#')?;
        let created_at = Timestamp::from_millis(millis.parse().ok()?);
        Some(Self { created_at, delivery_id: DeliveryId::parse(id).ok()? })
    }
}

/// Returns the prefix of the sort keys at a time: milliseconds as 13 digits, which lasts until 2286. Later times share
/// the last prefix, so that a search may end in any year.
#[must_use]
pub fn sort_prefix(at: Timestamp) -> String {
    format!("{:013}", at.as_millis().min(9_999_999_999_999))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(millis: u64) -> Position {
        Position {
            created_at: Timestamp::from_millis(millis),
            delivery_id: DeliveryId::parse("dlv_1").unwrap(),
        }
    }

    #[test]
    fn a_search_that_ends_in_a_far_year_finds_what_is_made_today() {
        let today = sort_prefix(Timestamp::from_millis(1_788_256_800_000));
        for far in ["2286-11-20T17:46:40Z", "2500-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"] {
            assert!(sort_prefix(Timestamp::parse(far).unwrap()) > today, "{far}");
        }
    }

    proptest! {
        #[test]
        fn sort_keys_order_as_positions_do(a in 0u64..9_999_999_999_999, b in 0u64..9_999_999_999_999) {
            prop_assert_eq!(Position::parse(&position(a).sort_key()), Some(position(a)));
            prop_assert_eq!(position(a).cmp(&position(b)), position(a).sort_key().cmp(&position(b).sort_key()));
        }
    }
}
