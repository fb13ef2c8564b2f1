//! Reads all records of a delivery or an event, from the one partition that holds them.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::delivery::history::Record;
use domain::delivery::record::Delivery;
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, DeliveryId, EventId};
use domain::shared::unavailable::Result;

use super::item::from_item;
use super::record::{DELIVERY_PREFIX, RecordRow, delivery_partition, event_partition};
use super::table::Table;

/// Reads the records of deliveries.
#[derive(Clone)]
pub(super) struct History {
    table: Table,
    /// With a clock, expired rows are left out.
    clock: Option<Arc<dyn Clock>>,
}

impl History {
    /// Reads every stored record: even an expired row refuses a claim.
    pub(super) fn whole(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table), clock: None }
    }

    /// Reads what customers see: without expired rows, whether or not the table has removed them yet.
    pub(super) fn kept(client: Client, table: String, clock: Arc<dyn Clock>) -> Self {
        Self { table: Table::new(client, table), clock: Some(clock) }
    }

    /// A delivery's records, at most five, in the order of their numbers.
    pub(super) async fn of_delivery(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> Result<Vec<(Delivery, Record)>> {
        match delivery_partition(account, delivery) {
            Some(pk) => self.read(account, pk, &format!("{delivery}#")).await,
            None => Ok(Vec::new()),
        }
    }

    /// The records of all deliveries of an event, grouped by delivery.
    pub(super) async fn of_event(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> Result<Vec<(Delivery, Record)>> {
        self.read(account, event_partition(account, event), DELIVERY_PREFIX).await
    }

    async fn read(&self, account: &AccountId, pk: String, start: &str) -> Result<Vec<(Delivery, Record)>> {
        let now = self.clock.as_ref().map(|clock| clock.now().as_secs());
        let rows = self.table.rows("read records", pk, start, now).await?;
        rows.into_iter().map(|item| from_item::<RecordRow>(item)?.parse(account)).collect()
    }
}
