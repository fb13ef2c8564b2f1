//! Destinations as items.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::destination::{
    Destination, DestinationName, DestinationStatus, EventChoice, ExtraHeaders, RequestType,
};
use domain::ids::{AccountId, DestinationId};
use domain::ports::{DestinationStore, Destinations, Result, Saved, Unavailable};
use domain::signature::SigningSecret;
use domain::target_url::TargetUrl;
use domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, key, n, s, to_item};

const PREFIX: &str = "destination#";

/// The destinations table, as far as destinations are concerned.
#[derive(Clone)]
pub struct DestinationTable {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct DestinationRow {
    id: DestinationId,
    name: DestinationName,
    url: String,
    request_type: RequestType,
    status: DestinationStatus,
    events: EventChoice,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    secrets: Vec<String>,
    created_at: u64,
    updated_at: u64,
}

impl DestinationTable {
    /// Over the table of that name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

pub(super) fn destination_key(account: &AccountId, id: &DestinationId) -> Item {
    key(account.as_str(), format!("{PREFIX}{id}"))
}

fn to_row(destination: &Destination) -> DestinationRow {
    DestinationRow {
        id: destination.id.clone(),
        name: destination.name.clone(),
        url: destination.url.as_url().to_string(),
        request_type: destination.request_type,
        status: destination.status,
        events: destination.events.clone(),
        headers: destination.headers.clone().into(),
        secrets: destination.secrets.iter().map(SigningSecret::reveal).collect(),
        created_at: destination.created_at.as_millis(),
        updated_at: destination.updated_at.as_millis(),
    }
}

pub(super) fn parse_destination(item: Item, account: &AccountId) -> Result<Destination> {
    let row: DestinationRow = from_item(item)?;
    let corrupt = |error| Unavailable::new("read a destination", error);
    Ok(Destination {
        account_id: account.clone(),
        id: row.id,
        name: row.name,
        url: TargetUrl::from_stored(&row.url).map_err(corrupt)?,
        request_type: row.request_type,
        status: row.status,
        events: row.events,
        headers: ExtraHeaders::try_from(row.headers).map_err(corrupt)?,
        secrets: row
            .secrets
            .iter()
            .map(|text| SigningSecret::parse(text))
            .collect::<Result<_, _>>()
            .map_err(corrupt)?,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

impl Destinations for DestinationTable {
    async fn of_account(&self, account: &AccountId) -> Result<Vec<Destination>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :start)")
            .expression_attribute_values(":pk", s(account.as_str()))
            .expression_attribute_values(":start", s(PREFIX))
            .into_paginator()
            .items()
            .send();
        let mut destinations = Vec::new();
        while let Some(item) = pages.next().await {
            let item =
                item.map_err(|error| Unavailable::new("read destinations", error.into_service_error()))?;
            destinations.push(parse_destination(item, account)?);
        }
        Ok(destinations)
    }
}

impl DestinationStore for DestinationTable {
    async fn get(&self, account: &AccountId, id: &DestinationId) -> Result<Option<Destination>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(destination_key(account, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Unavailable::new("read a destination", error.into_service_error()))?;
        answer.item.map(|item| parse_destination(item, account)).transpose()
    }

    async fn put(&self, destination: &Destination, loaded: Option<&Destination>) -> Result<Saved> {
        let mut item = to_item(&to_row(destination))?;
        item.extend(destination_key(&destination.account_id, &destination.id));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = match loaded {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(loaded) => put
                .condition_expression("updated_at = :loaded")
                .expression_attribute_values(":loaded", n(loaded.updated_at.as_millis())),
        };
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Saved::Yes),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(Saved::Conflict),
            Err(error) => Err(Unavailable::new("write a destination", error)),
        }
    }

    async fn delete(&self, account: &AccountId, id: &DestinationId) -> Result<bool> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(destination_key(account, id)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(|error| Unavailable::new("delete a destination", error.into_service_error()))?;
        Ok(answer.attributes.is_some())
    }
}
