//! All records of a delivery or of an event, from the one partition that holds them.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::delivery::{Delivery, Record};
use domain::ids::{AccountId, DeliveryId, EventId};
use domain::ports::{Clock, Result, Unavailable};

use super::item::{from_item, n, s};
use super::record::{DELIVERY_PREFIX, RecordRow, delivery_partition, event_partition};

/// Reads histories.
#[derive(Clone)]
pub(super) struct History {
    client: Client,
    table: String,
    /// Tells which rows are past their time.
    clock: Option<Arc<dyn Clock>>,
}

impl History {
    /// Every record that exists: a claim is refused by a row that is past its time, too.
    pub(super) fn whole(client: Client, table: String) -> Self {
        Self { client, table, clock: None }
    }

    /// What customers see: rows past their time are left out, whether or not the table has removed them yet.
    pub(super) fn kept(client: Client, table: String, clock: Arc<dyn Clock>) -> Self {
        Self { client, table, clock: Some(clock) }
    }

    /// A delivery's records in the order of their numbers, of which there are at most five.
    pub(super) async fn of_delivery(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> Result<Vec<(Delivery, Record)>> {
        match delivery_partition(account, delivery) {
            Some(pk) => self.query(account, pk, format!("{delivery}#")).await,
            None => Ok(Vec::new()),
        }
    }

    /// The records of all deliveries of an event, delivery by delivery.
    pub(super) async fn of_event(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> Result<Vec<(Delivery, Record)>> {
        self.query(account, event_partition(account, event), DELIVERY_PREFIX.to_owned()).await
    }

    async fn query(&self, account: &AccountId, pk: String, start: String) -> Result<Vec<(Delivery, Record)>> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :start)")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":start", s(start));
        if let Some(clock) = &self.clock {
            query = query
                .filter_expression("expires_at > :now")
                .expression_attribute_values(":now", n(clock.now().as_secs()));
        }
        let mut pages = query.into_paginator().items().send();
        let mut records = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Unavailable::new("read records", error.into_service_error()))?;
            records.push(from_item::<RecordRow>(item)?.parse(account)?);
        }
        Ok(records)
    }
}
