//! Reads all records of a delivery or an event, from the one partition that holds them.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::delivery::history::Record;
use domain::delivery::record::Delivery;
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, DeliveryId, EventId};
use domain::shared::unavailable::{Result, readable};

use super::item::{Item, from_item};
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

    /// A delivery's records, at most twelve, in the order of their numbers.
    pub(super) async fn of_delivery(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> Result<Vec<(Delivery, Record)>> {
        let Some(pk) = delivery_partition(account, delivery) else { return Ok(Vec::new()) };
        let rows = self.rows(pk, &format!("{delivery}#")).await?;
        in_order(rows.into_iter().map(|item| from_item::<RecordRow>(item)?.parse(account)).collect())
    }

    /// The records of an event's deliveries, grouped by delivery. A delivery of which a record cannot be read is left
    /// out.
    pub(super) async fn of_event(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> Result<Vec<(Delivery, Record)>> {
        let rows = self.rows(event_partition(account, event), DELIVERY_PREFIX).await?;
        let deliveries = rows.chunk_by(|a, b| delivery_of(a) == delivery_of(b));
        let read = |item: &Item| from_item::<RecordRow>(item.clone())?.parse(account);
        let records = deliveries.map(|rows| in_order(rows.iter().map(read).collect()));
        Ok(readable(records).into_iter().flatten().collect())
    }

    async fn rows(&self, pk: String, start: &str) -> Result<Vec<Item>> {
        let now = self.clock.as_ref().map(|clock| clock.now().as_secs());
        self.table.rows("read records", pk, start, now).await
    }
}

/// The table has record 10 before record 2.
fn in_order(records: Result<Vec<(Delivery, Record)>>) -> Result<Vec<(Delivery, Record)>> {
    records.map(|mut records| {
        records.sort_by_key(|(_, record)| record.number);
        records
    })
}

/// The delivery's id in a record's sort key.
fn delivery_of(record: &Item) -> Option<&str> {
    record.get("sk")?.as_s().ok()?.split_once('#').map(|(delivery, _)| delivery)
}
