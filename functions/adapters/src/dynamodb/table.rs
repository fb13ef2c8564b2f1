//! One table, and the calls that its adapters have in common.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::shared::unavailable::{Result, Saved, Unavailable};

use super::item::{Item, n, s};

/// A table of that name. Each call says what it is for, which is what an error says then.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

/// On what condition a row is written.
pub(super) enum If {
    /// No row of its key exists.
    New,
    /// These attributes of the row have these values.
    Still(Vec<(&'static str, AttributeValue)>),
}

impl If {
    fn expression(self) -> (String, Option<Item>) {
        match self {
            Self::New => (NEW.to_owned(), None),
            Self::Still(values) => {
                let text: Vec<_> = values.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
                let values = values.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
                (text.join(" AND "), Some(values))
            }
        }
    }

    /// The same for a write that is part of a transaction.
    pub(super) fn guard(self, put: PutBuilder) -> PutBuilder {
        let (text, values) = self.expression();
        put.condition_expression(text).set_expression_attribute_values(values)
    }
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The row of that key, as the last write left it.
    pub(super) async fn get(&self, doing: &'static str, key: Item) -> Result<Option<Item>> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key)).consistent_read(true);
        let answer = request.send().await;
        Ok(answer.map_err(|error| Unavailable::new(doing, error.into_service_error()))?.item)
    }

    /// The rows of a partition whose sort keys start like this, as the last writes left them. With a time in seconds,
    /// rows that have expired by then are left out.
    pub(super) async fn rows(
        &self,
        doing: &'static str,
        pk: String,
        start: &str,
        now: Option<u64>,
    ) -> Result<Vec<Item>> {
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :start)")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":start", s(start));
        if let Some(now) = now {
            query = query.filter_expression("expires_at > :now").expression_attribute_values(":now", n(now));
        }
        let mut pages = query.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(row) = pages.next().await {
            rows.push(row.map_err(|error| Unavailable::new(doing, error.into_service_error()))?);
        }
        Ok(rows)
    }

    /// Writes a row, whatever was there.
    pub(super) async fn put(&self, doing: &'static str, row: Item) -> Result<()> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(row));
        request.send().await.map_err(|error| Unavailable::new(doing, error.into_service_error()))?;
        Ok(())
    }

    /// Writes a row on a condition.
    pub(super) async fn put_if(&self, doing: &'static str, row: Item, condition: If) -> Result<Saved> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(row));
        let (text, values) = condition.expression();
        let put = put.condition_expression(text).set_expression_attribute_values(values);
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Saved::Yes),
            Err(
                PutItemError::ConditionalCheckFailedException(_)
                // A transaction is at work on the row, so it is about to be another one.
                | PutItemError::TransactionConflictException(_),
            ) => Ok(Saved::Conflict),
            Err(error) => Err(Unavailable::new(doing, error)),
        }
    }

    /// Removes a row on a condition.
    pub(super) async fn delete_if(&self, doing: &'static str, key: Item, condition: If) -> Result<Saved> {
        let (text, values) = condition.expression();
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let delete = delete.condition_expression(text).set_expression_attribute_values(values);
        match delete.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Saved::Yes),
            Err(
                DeleteItemError::ConditionalCheckFailedException(_)
                | DeleteItemError::TransactionConflictException(_),
            ) => Ok(Saved::Conflict),
            Err(error) => Err(Unavailable::new(doing, error)),
        }
    }

    /// The sort keys of a partition, the last first.
    pub(super) async fn sort_keys(&self, doing: &'static str, pk: &str) -> Result<Vec<String>> {
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", s(pk));
        let query = query.projection_expression("sk").scan_index_forward(false);
        let mut rows = query.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| Unavailable::new(doing, error.into_service_error()))?;
            keys.extend(row.get("sk").and_then(|sk| sk.as_s().ok()).cloned());
        }
        Ok(keys)
    }

    /// Removes a row; false if there was none.
    pub(super) async fn delete(&self, doing: &'static str, key: Item) -> Result<bool> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .return_values(ReturnValue::AllOld);
        let answer = request.send().await;
        let answer = answer.map_err(|error| Unavailable::new(doing, error.into_service_error()))?;
        Ok(answer.attributes.is_some())
    }
}

/// The condition that no row of that key exists.
pub(super) const NEW: &str = "attribute_not_exists(pk)";

/// The condition that a row of that key exists.
pub(super) const EXISTS: &str = "attribute_exists(pk)";
