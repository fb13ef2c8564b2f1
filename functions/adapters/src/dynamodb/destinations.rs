//! Destinations. Their secrets stay encrypted here.

use aws_sdk_dynamodb::Client;
use domain::destination::record::{
    Destination, DestinationName, DestinationStatus, EventFilter, RequestType,
};
use domain::destination::secrets::EncryptedSecrets;
use domain::destination::store::{DestinationStore, Destinations};
use domain::destination::target_url::TargetUrl;
use domain::shared::ids::{AccountId, DestinationId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use serde::{Deserialize, Serialize};

use super::item::{EncryptedRow, Item, from_item, key, n, to_item};
use super::table::{Condition, Table};

/// Prefix of the sort keys of destinations' rows.
const PREFIX: &str = "destination#";

/// The destinations in the destinations table.
#[derive(Clone)]
pub struct DestinationTable {
    table: Table,
}

#[derive(Serialize, Deserialize)]
struct DestinationRow {
    id: DestinationId,
    name: DestinationName,
    url: String,
    request_type: RequestType,
    status: DestinationStatus,
    events: EventFilter,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    header_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<u64>,
    encrypted: EncryptedRow,
    created_at: u64,
    updated_at: u64,
}

impl DestinationTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table) }
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
        header_names: destination.secrets.header_names.clone(),
        previous_secret_until: destination.secrets.previous_until.map(Timestamp::as_millis),
        encrypted: destination.secrets.encrypted.clone().into(),
        created_at: destination.created_at.as_millis(),
        updated_at: destination.updated_at.as_millis(),
    }
}

pub(super) fn parse_destination(item: Item, account: &AccountId) -> Result<Destination> {
    let row: DestinationRow = from_item(item)?;
    Ok(Destination {
        account_id: account.clone(),
        id: row.id,
        name: row.name,
        url: TargetUrl::from_stored(&row.url)
            .map_err(|error| Unavailable::new("read a destination", error))?,
        request_type: row.request_type,
        status: row.status,
        events: row.events,
        secrets: EncryptedSecrets {
            header_names: row.header_names,
            previous_until: row.previous_secret_until.map(Timestamp::from_millis),
            encrypted: row.encrypted.into(),
        },
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

impl Destinations for DestinationTable {
    async fn of_account(&self, account: &AccountId) -> Result<Vec<Result<Destination>>> {
        let rows = self.table.rows("read destinations", account.to_string(), PREFIX, None).await?;
        Ok(rows.into_iter().map(|item| parse_destination(item, account)).collect())
    }

    async fn get(&self, account: &AccountId, id: &DestinationId) -> Result<Option<Destination>> {
        let item = self.table.get("read a destination", destination_key(account, id)).await?;
        item.map(|item| parse_destination(item, account)).transpose()
    }
}

impl DestinationStore for DestinationTable {
    async fn put(&self, destination: &Destination, loaded: Option<&Destination>) -> Result<Saved> {
        let mut item = to_item(&to_row(destination))?;
        item.extend(destination_key(&destination.account_id, &destination.id));
        let condition = match loaded {
            None => Condition::New,
            Some(loaded) => Condition::Unchanged(vec![("updated_at", n(loaded.updated_at.as_millis()))]),
        };
        self.table.put_if("write a destination", item, condition).await
    }

    async fn delete(&self, account: &AccountId, id: &DestinationId) -> Result<bool> {
        self.table.delete("delete a destination", destination_key(account, id)).await
    }
}
