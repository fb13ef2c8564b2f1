//! A table, and the calls that its adapters share.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::shared::ids::AccountId;
use domain::shared::unavailable::{Result, Saved, Unavailable};

use super::item::{Item, key, n, s};
use super::transaction::{PAUSE, is_too_large};
use crate::deadline::{self, RESERVE};

/// A table. Each call takes the name of its operation, which errors repeat.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

/// The condition of a write.
pub(super) enum Condition {
    /// No row with this key exists.
    New,
    /// No row with this key exists, or only one that expired, which the table has not removed yet.
    NewOrExpired {
        /// The time in seconds.
        now: u64,
    },
    /// These attributes of the row still have these values.
    Unchanged(Vec<(&'static str, AttributeValue)>),
}

impl Condition {
    pub(super) fn expression(self) -> (String, Option<Item>) {
        match self {
            Self::New => (NEW.to_owned(), None),
            Self::NewOrExpired { now } => {
                (format!("{NEW} OR expires_at <= :now"), Some(Item::from([(":now".to_owned(), n(now))])))
            }
            Self::Unchanged(values) => {
                let text: Vec<_> = values.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
                let values = values.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
                (text.join(" AND "), Some(values))
            }
        }
    }

    /// Adds the condition to a write in a transaction.
    pub(super) fn guard(self, put: PutBuilder) -> PutBuilder {
        let (text, values) = self.expression();
        put.condition_expression(text).set_expression_attribute_values(values)
    }
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Reads the row with this key, strongly consistent.
    pub(super) async fn get(&self, operation: &'static str, key: Item) -> Result<Option<Item>> {
        self.read(operation, key, true).await
    }

    /// Reads the row with this key as it is or was a moment ago, for half the price.
    pub(super) async fn glance(&self, operation: &'static str, key: Item) -> Result<Option<Item>> {
        self.read(operation, key, false).await
    }

    async fn read(&self, operation: &'static str, key: Item, consistent: bool) -> Result<Option<Item>> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key));
        let response = request.consistent_read(consistent).send().await;
        Ok(response.map_err(|error| Unavailable::new(operation, error.into_service_error()))?.item)
    }

    /// Reads the rows of a partition whose sort keys start with `start`, strongly consistent. Given the time in
    /// seconds, leaves out expired rows.
    pub(super) async fn rows(
        &self,
        operation: &'static str,
        pk: String,
        start: &str,
        now: Option<u64>,
    ) -> Result<Vec<Item>> {
        let mut query =
            self.query("begins_with(sk, :start)", pk).expression_attribute_values(":start", s(start));
        if let Some(now) = now {
            query = query.filter_expression("expires_at > :now").expression_attribute_values(":now", n(now));
        }
        collect(operation, query).await
    }

    /// Reads the rows of a partition whose sort keys are between these two, strongly consistent.
    pub(super) async fn rows_between(
        &self,
        operation: &'static str,
        pk: String,
        first: &str,
        last: &str,
    ) -> Result<Vec<Item>> {
        let query = self.query("sk BETWEEN :first AND :last", pk);
        let query = query.expression_attribute_values(":first", s(first));
        collect(operation, query.expression_attribute_values(":last", s(last))).await
    }

    /// A strongly consistent query of the rows of a partition whose sort keys fulfil a condition.
    pub(super) fn query(&self, sort_keys: &str, pk: impl Into<String>) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression(format!("pk = :pk AND {sort_keys}"));
        query.expression_attribute_values(":pk", s(pk))
    }

    /// Writes a row, replacing any row with its key.
    pub(super) async fn put(&self, operation: &'static str, row: Item) -> Result<()> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(row));
        request.send().await.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        Ok(())
    }

    /// Writes a row if the condition holds, and tries again while the table has no capacity and the invocation has time.
    pub(super) async fn put_if(
        &self,
        operation: &'static str,
        row: Item,
        condition: Condition,
    ) -> Result<Saved> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(row));
        let (text, values) = condition.expression();
        let put = put.condition_expression(text).set_expression_attribute_values(values);
        loop {
            return match put.clone().send().await.map_err(SdkError::into_service_error) {
                Ok(_) => Ok(Saved::Yes),
                Err(
                    PutItemError::ConditionalCheckFailedException(_)
                    // A transaction is writing to the row, so the row is about to change.
                    | PutItemError::TransactionConflictException(_),
                ) => conflict(operation).await,
                Err(error) if is_too_large(&error) => Ok(Saved::TooLarge),
                Err(error) if is_throttled(&error) && deadline::pause(PAUSE, RESERVE).await => continue,
                Err(error) => Err(Unavailable::new(operation, error)),
            };
        }
    }

    /// A write in a transaction that changes the number of what an account has; refused unless that was below `limit`. The
    /// row has a partition of its own because functions may update no other row of the account: see `CountAndRevoke` in the
    /// template.
    pub(super) fn count(
        &self,
        what: &str,
        account: &AccountId,
        change: &str,
        limit: u64,
    ) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key(format!("count#{account}"), what)))
            .update_expression(format!("ADD {what} :change"))
            .condition_expression(format!("attribute_not_exists({what}) OR {what} < :limit"))
            .expression_attribute_values(":change", AttributeValue::N(change.to_owned()))
            .expression_attribute_values(":limit", n(limit))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let update = update.map_err(|error| Unavailable::new("count", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Deletes a row if the condition holds.
    pub(super) async fn delete_if(
        &self,
        operation: &'static str,
        key: Item,
        condition: Condition,
    ) -> Result<Saved> {
        let (text, values) = condition.expression();
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let delete = delete.condition_expression(text).set_expression_attribute_values(values);
        match delete.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Saved::Yes),
            Err(
                DeleteItemError::ConditionalCheckFailedException(_)
                | DeleteItemError::TransactionConflictException(_),
            ) => conflict(operation).await,
            Err(error) => Err(Unavailable::new(operation, error)),
        }
    }

    /// Reads the sort keys of a partition, in descending order.
    pub(super) async fn sort_keys(&self, operation: &'static str, pk: &str) -> Result<Vec<String>> {
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", s(pk));
        let query = query.projection_expression("sk").scan_index_forward(false);
        let mut rows = query.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
            keys.extend(row.get("sk").and_then(|sk| sk.as_s().ok()).cloned());
        }
        Ok(keys)
    }

    /// Deletes a row; false if none existed.
    pub(super) async fn delete(&self, operation: &'static str, key: Item) -> Result<bool> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .return_values(ReturnValue::AllOld);
        let response = request.send().await;
        let response = response.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        Ok(response.attributes.is_some())
    }
}

/// All rows that a query finds.
async fn collect(operation: &'static str, query: QueryFluentBuilder) -> Result<Vec<Item>> {
    let mut pages = query.into_paginator().items().send();
    let mut rows = Vec::new();
    while let Some(row) = pages.next().await {
        rows.push(row.map_err(|error| Unavailable::new(operation, error.into_service_error()))?);
    }
    Ok(rows)
}

/// Whether the table had no capacity for a write.
fn is_throttled(error: &PutItemError) -> bool {
    matches!(
        error,
        PutItemError::ProvisionedThroughputExceededException(_)
            | PutItemError::RequestLimitExceeded(_)
            | PutItemError::ThrottlingException(_)
    )
}

/// Reports a conflict after a pause: writers that read the row again at once would collide again. An error once the
/// invocation has no time for another try.
pub(super) async fn conflict(operation: &'static str) -> Result<Saved> {
    if deadline::pause_after_conflict().await {
        return Ok(Saved::Conflict);
    }
    Err(Unavailable::new(operation, "other writers kept changing the row"))
}

/// The condition that no row with this key exists.
pub(super) const NEW: &str = "attribute_not_exists(pk)";

/// The condition that a row with this key exists.
pub(super) const EXISTS: &str = "attribute_exists(pk)";
