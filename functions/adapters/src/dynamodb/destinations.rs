//! Destinations. Their secrets stay encrypted here.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::destination::agents::AgentFilter;
use domain::destination::health::Health;
use domain::destination::record::{
    Destination, DestinationName, DestinationStatus, EventFilter, Format, Include, RequestType,
};
use domain::destination::retry::Retry;
use domain::destination::secrets::EncryptedSecrets;
use domain::destination::store::{DestinationStore, Destinations, HealthStore, MAX_DESTINATIONS, Stored};
use domain::destination::target_url::TargetUrl;
use domain::shared::ids::{AccountId, DestinationId, hex};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::accounts::{ACCOUNT, is_active};
use super::health::{health_key, health_row};
use super::item::{EncryptedRow, Item, from_item, key, n, s, to_item};
use super::table::{Condition, Table, conflict};
use super::transaction::{Written, transact};

/// Prefix of the sort keys of destinations' rows.
const PREFIX: &str = "destination#";

/// Prefix of the sort keys of the rows that each reserve a URL, a request type, events and agents for one
/// destination.
const REQUESTS: &str = "requests#";

/// The row that counts an account's destinations, and its attribute.
const DESTINATIONS: &str = "destinations";

/// The destinations in the destinations table.
#[derive(Clone)]
pub struct DestinationTable {
    pub(super) table: Table,
}

#[derive(Serialize, Deserialize)]
struct DestinationRow {
    id: DestinationId,
    name: DestinationName,
    url: String,
    request_type: RequestType,
    format: Format,
    #[serde(default, skip_serializing_if = "Retry::is_standard")]
    retry: Retry,
    status: DestinationStatus,
    events: EventFilter,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    include: BTreeSet<Include>,
    agent_ids: AgentFilter,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    header_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<u64>,
    encrypted: EncryptedRow,
    created_at: u64,
    updated_at: u64,
}

#[derive(Serialize, Deserialize)]
struct RequestsRow {
    destination_id: DestinationId,
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

/// The key of the row that reserves what is sent to a destination. Its format is no part of it: an event that comes in
/// two formats comes twice.
fn requests_key(destination: &Destination) -> Item {
    let Destination { account_id, url, request_type, events, agents, .. } = destination;
    let wanted = serde_json::to_string(&(events, agents)).unwrap_or_default(); // our types always serialize
    let requests = format!("{} {wanted} {}", request_type.as_ref(), url.as_url());
    key(account_id.as_str(), format!("{REQUESTS}{}", hex(&Sha256::digest(requests))))
}

fn to_row(destination: &Destination) -> DestinationRow {
    DestinationRow {
        id: destination.id.clone(),
        name: destination.name.clone(),
        url: destination.url.as_url().to_string(),
        request_type: destination.request_type,
        format: destination.format,
        retry: destination.retry,
        status: destination.status,
        events: destination.events.clone(),
        include: destination.include.clone(),
        agent_ids: destination.agents.clone(),
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
        format: row.format,
        retry: row.retry,
        status: row.status,
        events: row.events,
        include: row.include,
        agents: row.agent_ids,
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
        // One query: the account's own row comes just before those of its destinations.
        let last = format!("{PREFIX}~");
        let rows = self.table.rows_between("read destinations", account.to_string(), ACCOUNT, &last).await?;
        let (of_account, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.get("sk").is_some_and(|sk| *sk == s(ACCOUNT)));
        let is_suspended = of_account.iter().any(|row| !is_active(row));
        let destination = |item| {
            let mut destination = parse_destination(item, account)?;
            if is_suspended {
                destination.status = DestinationStatus::Disabled;
            }
            Ok(destination)
        };
        Ok(rows.into_iter().map(destination).collect())
    }

    async fn get(&self, account: &AccountId, id: &DestinationId) -> Result<Option<Destination>> {
        let item = self.table.get("read a destination", destination_key(account, id)).await?;
        item.map(|item| parse_destination(item, account)).transpose()
    }
}

impl DestinationTable {
    pub(super) fn put_row(
        &self,
        put: PutBuilder,
        item: Item,
        condition: Condition,
    ) -> Result<TransactWriteItem> {
        let put = condition.guard(put.table_name(&self.table.name).set_item(Some(item))).build();
        Ok(TransactWriteItem::builder().put(put.map_err(incomplete)?).build())
    }

    fn delete_row(&self, key: Item, condition: Option<Condition>) -> Result<TransactWriteItem> {
        let delete = Delete::builder().table_name(&self.table.name).set_key(Some(key));
        let delete = match condition.map(Condition::expression) {
            Some((text, values)) => delete.condition_expression(text).set_expression_attribute_values(values),
            None => delete,
        };
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }
}

pub(super) fn incomplete(error: BuildError) -> Unavailable {
    Unavailable::new("write a destination", error)
}

fn unchanged(loaded: &Destination) -> Condition {
    Condition::Unchanged(vec![("updated_at", n(loaded.updated_at.as_millis()))])
}

impl DestinationStore for DestinationTable {
    async fn put(&self, destination: &Destination, loaded: Option<&Destination>) -> Result<Stored> {
        let operation = "write a destination";
        let mut item = to_item(&to_row(destination))?;
        item.extend(destination_key(&destination.account_id, &destination.id));
        let requests = requests_key(destination);
        let earlier = loaded.map(requests_key).filter(|earlier| *earlier != requests);
        let mut writes = Vec::new();
        // The first write: if it is refused, the answer has the row that is in its way.
        if loaded.is_none() || earlier.is_some() {
            let mut row = to_item(&RequestsRow { destination_id: destination.id.clone() })?;
            row.extend(requests);
            let put = Put::builder()
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            writes.push(self.put_row(put, row, Condition::New)?);
        }
        writes.push(self.put_row(Put::builder(), item, loaded.map_or(Condition::New, unchanged))?);
        if let Some(earlier) = earlier {
            writes.push(self.delete_row(earlier, None)?);
        }
        match loaded {
            None => {
                writes.push(self.table.count(
                    DESTINATIONS,
                    &destination.account_id,
                    "1",
                    MAX_DESTINATIONS,
                )?);
                let (row, _) = health_row(destination, &Health::of_new(destination))?;
                writes.push(self.put_row(Put::builder(), row, Condition::New)?);
            }
            Some(loaded) if loaded.status != destination.status => {
                let stored = self.health(&destination.account_id, &destination.id).await?;
                let is_stored = stored.is_some();
                let health = stored.unwrap_or_else(|| Health::of_new(destination));
                let switched = health.switched(destination.is_active(), destination.updated_at);
                let (row, is_same) = health_row(destination, &switched)?;
                let condition = if is_stored { is_same } else { Condition::New };
                writes.push(self.put_row(Put::builder(), row, condition)?);
            }
            Some(_) => {}
        }
        match transact(&self.table.client, operation, writes).await? {
            Written::Yes => return Ok(Stored::Yes),
            Written::Refused(row) if !row.is_empty() => {
                let RequestsRow { destination_id } = from_item(row)?;
                if destination_id != destination.id {
                    return Ok(Stored::Same(destination_id));
                }
            }
            // A random id is new, so what was refused is the count.
            Written::Refused(_) if loaded.is_none() => return Ok(Stored::TooMany),
            Written::Refused(_) | Written::TooLarge => {}
        }
        conflict(operation).await?;
        Ok(Stored::Conflict)
    }

    async fn delete(&self, loaded: &Destination) -> Result<Saved> {
        let operation = "delete a destination";
        let destination = destination_key(&loaded.account_id, &loaded.id);
        let writes = vec![
            self.delete_row(destination, Some(unchanged(loaded)))?,
            self.delete_row(requests_key(loaded), None)?,
            self.delete_row(health_key(&loaded.account_id, &loaded.id), None)?,
            self.table.count(DESTINATIONS, &loaded.account_id, "-1", u64::MAX)?,
        ];
        match transact(&self.table.client, operation, writes).await? {
            Written::Yes => Ok(Saved::Yes),
            Written::Refused(_) | Written::TooLarge => conflict(operation).await,
        }
    }
}
