//! Recoveries and their plans: the rows of one share a partition.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::redelivery::recovery::{Page, Planned, Recoveries, Recovery};
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, RecoveryId};
use domain::shared::unavailable::{Result, Saved, Unavailable};
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, is_expired, key, n, partition, to_item};
use super::table::{Condition, Table};
use crate::config::Retention;

/// Prefix of the partitions.
const PREFIX: &str = "recovery#";

/// Sort key of the recovery itself.
const RECOVERY: &str = "recovery";

/// Prefix of the sort keys of the pages of its plan.
const PAGE: &str = "page#";

/// The recoveries in the delivery-log table, whose rows expire.
#[derive(Clone)]
pub struct RecoveryTable {
    table: Table,
    retention: Retention,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct RecoveryRow {
    recovery: Recovery,
    /// The number of steps that were taken: a write says which it expects.
    step: u32,
    expires_at: u64,
}

#[derive(Serialize, Deserialize)]
struct PageRow {
    page: Page,
    expires_at: u64,
}

fn row_key(account: &AccountId, id: &RecoveryId, row: String) -> Item {
    key(format!("{PREFIX}{}", partition(account, id)), row)
}

impl RecoveryTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, retention: Retention, clock: Arc<dyn Clock>) -> Self {
        Self { table: Table::new(client, table), retention, clock }
    }

    fn item(&self, account: &AccountId, recovery: &Recovery) -> Result<Item> {
        let expires_at = self.retention.expiry(recovery.created_at);
        let mut item = to_item(&RecoveryRow { recovery: recovery.clone(), step: recovery.step, expires_at })?;
        item.extend(row_key(account, &recovery.id, RECOVERY.to_owned()));
        Ok(item)
    }

    async fn stored_page(&self, account: &AccountId, id: &RecoveryId, page: u32) -> Result<Option<Page>> {
        let key = row_key(account, id, format!("{PAGE}{page}"));
        let item = self.table.get("read a page of a recovery", key).await?;
        item.map(|item| from_item::<PageRow>(item).map(|row| row.page)).transpose()
    }
}

impl Recoveries for RecoveryTable {
    async fn create(&self, account: &AccountId, recovery: &Recovery) -> Result<Option<Recovery>> {
        let item = self.item(account, recovery)?;
        match self.table.put_if("create a recovery", item, Condition::New).await? {
            Saved::Conflict => self.load(account, &recovery.id).await,
            Saved::Yes | Saved::TooLarge => Ok(None),
        }
    }

    async fn load(&self, account: &AccountId, id: &RecoveryId) -> Result<Option<Recovery>> {
        let item = self.table.get("read a recovery", row_key(account, id, RECOVERY.to_owned())).await?;
        let item = item.filter(|item| !is_expired(item, self.clock.now()));
        item.map(|item| from_item::<RecoveryRow>(item).map(|row| row.recovery)).transpose()
    }

    async fn save(&self, account: &AccountId, recovery: &Recovery) -> Result<Saved> {
        let before = u64::from(recovery.step.saturating_sub(1));
        let condition = Condition::Unchanged(vec![("step", n(before))]);
        self.table.put_if("write a recovery", self.item(account, recovery)?, condition).await
    }

    async fn put_page(&self, account: &AccountId, recovery: &Recovery, page: Page) -> Result<Page> {
        let operation = "write a page of a recovery";
        let expires_at = self.retention.expiry(recovery.created_at);
        let mut item = to_item(&PageRow { page: page.clone(), expires_at })?;
        item.extend(row_key(account, &recovery.id, format!("{PAGE}{}", recovery.pages)));
        match self.table.put_if(operation, item, Condition::New).await? {
            Saved::Yes => Ok(page),
            Saved::TooLarge => Err(Unavailable::new(operation, "it is too large")),
            Saved::Conflict => {
                let stored = self.stored_page(account, &recovery.id, recovery.pages).await?;
                stored.ok_or_else(|| Unavailable::new(operation, "it is neither new nor there"))
            }
        }
    }

    async fn page(&self, account: &AccountId, id: &RecoveryId, page: u32) -> Result<Vec<Planned>> {
        Ok(self.stored_page(account, id, page).await?.map(|page| page.planned).unwrap_or_default())
    }
}
