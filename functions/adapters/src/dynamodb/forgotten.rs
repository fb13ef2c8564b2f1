//! The mark that something was deleted, which keeps its key taken for a while.

use domain::conversation::store::FORGOTTEN_FOR;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Result;
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, to_item};

/// When something was deleted, in milliseconds, and when its key is free again, in seconds.
#[derive(Serialize, Deserialize)]
pub(super) struct Forgotten {
    forgotten_at: u64,
    expires_at: u64,
}

impl Forgotten {
    /// The mark of what had this key until `at`.
    pub(super) fn item(key: Item, at: Timestamp) -> Result<Item> {
        let expires_at = (at + FORGOTTEN_FOR).as_secs();
        let mut item = to_item(&Self { forgotten_at: at.as_millis(), expires_at })?;
        item.extend(key);
        Ok(item)
    }

    /// The mark that an item is, if it is one.
    pub(super) fn of(item: &Item) -> Result<Option<Self>> {
        item.contains_key("forgotten_at").then(|| from_item(item.clone())).transpose()
    }

    /// When it was deleted.
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.forgotten_at)
    }

    /// When the key is free again.
    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at * 1000)
    }
}
