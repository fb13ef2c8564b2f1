//! Events: each is written once, when it leaves, and never changed; a deleted one leaves a mark.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use bytes::Bytes;
use domain::delivery::record::Trigger;
use domain::event::kind::EventKind;
use domain::event::lifecycle_event::LifecycleEvent;
use domain::event::store::{Created, EventEraser, EventLookup, EventVersions, Events, StoredEvent};
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, ConversationId, DeliveryId, EventId};
use domain::shared::timestamp::Timestamp;
use domain::shared::token::Token;
use domain::shared::unavailable::{Result, Unavailable};
use futures_util::stream::{self, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::forgotten::Forgotten;
use super::item::{Item, compress, decompress, from_item, is_expired, key, n, to_item};
use super::record::event_partition;
use super::table::{NEW, Table};
use super::transaction::{Written, transact};
use super::unwanted::UnwantedRow;

/// Sort key of the event itself.
pub(super) const EVENT: &str = "event";

/// Prefix of the sort keys of its versions.
const VERSION_PREFIX: &str = "event#";

/// Deliveries whose records are deleted concurrently.
const CONCURRENT_DELETIONS: usize = 32;

#[derive(Serialize, Deserialize)]
struct EventRow {
    event_id: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    event: EventKind,
    accepted_at: u64,
    left_at: u64,
    /// The payload and behind it the metadata, which has much in common with it, compressed.
    payload: Bytes,
    /// Where the metadata begins, if there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata_at: Option<usize>,
    by: Option<Token>,
    expires_at: u64,
}

/// The events in the delivery-log table.
#[derive(Clone)]
pub struct EventTable {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl EventTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Arc<dyn Clock>) -> Self {
        Self { table: Table::new(client, table), clock }
    }
}

pub(super) fn event_key(account: &AccountId, event: &EventId) -> Item {
    key(event_partition(account, event), EVENT)
}

/// The key of the event as a delivery carries it; `None` for an id in an unknown format.
pub(super) fn carried_key(account: &AccountId, delivery: &DeliveryId, trigger: Trigger) -> Option<Item> {
    let event = delivery.event_id()?;
    Some(match trigger {
        Trigger::ResendLatest => version_key(account, &event, delivery),
        Trigger::Lifecycle | Trigger::Resend | Trigger::Test => event_key(account, &event),
    })
}

fn version_key(account: &AccountId, event: &EventId, delivery: &DeliveryId) -> Item {
    key(event_partition(account, event), format!("{VERSION_PREFIX}{delivery}"))
}

/// Converts an event to an item; `None` if the payload does not fit into one.
pub(super) fn event_item(event: &LifecycleEvent, by: Option<&Token>) -> Result<Option<Item>> {
    let metadata = event.metadata.as_deref();
    let text = [&event.payload, metadata.unwrap_or_default()].concat();
    let Some(payload) = compress(&text)? else { return Ok(None) };
    let mut item = to_item(&EventRow {
        event_id: event.id.clone(),
        conversation_id: event.conversation_id.clone(),
        event: event.kind,
        accepted_at: event.accepted_at.as_millis(),
        left_at: event.left_at.as_millis(),
        payload: payload.into(),
        metadata_at: metadata.map(|_| event.payload.len()),
        by: by.cloned(),
        expires_at: event.until.as_secs(),
    })?;
    item.extend(event_key(&event.account_id, &event.id));
    Ok(Some(item))
}

pub(super) fn parse_event(item: Item, account: &AccountId, now: Timestamp) -> Result<StoredEvent> {
    if let Some(mark) = Forgotten::of(&item)? {
        return Ok(StoredEvent::Forgotten { at: mark.at() });
    }
    let row: EventRow = from_item(item)?;
    if row.expires_at <= now.as_secs() {
        return Ok(StoredEvent::Absent);
    }
    let mut payload = Bytes::from(decompress(&row.payload)?);
    let metadata = row.metadata_at.map(|at| payload.split_off(at.min(payload.len())));
    let event = LifecycleEvent {
        account_id: account.clone(),
        id: row.event_id,
        conversation_id: row.conversation_id,
        kind: row.event,
        accepted_at: Timestamp::from_millis(row.accepted_at),
        left_at: Timestamp::from_millis(row.left_at),
        until: Timestamp::from_millis(row.expires_at * 1000),
        payload,
        metadata,
    };
    Ok(StoredEvent::Kept { event, by: row.by.unwrap_or_else(|| Token::from("")) })
}

impl Events for EventTable {
    async fn load(&self, account: &AccountId, event: &EventId) -> Result<StoredEvent> {
        let item = self.table.get("read an event", event_key(account, event)).await?;
        item.map_or(Ok(StoredEvent::Absent), |item| parse_event(item, account, self.clock.now()))
    }

    async fn create(&self, event: &LifecycleEvent, by: &Token, began: Timestamp) -> Result<Created> {
        let Some(item) = event_item(event, Some(by))? else {
            return Err(Unavailable::new("write an event", "it is too large"));
        };
        let put = self.table.client.put_item().table_name(&self.table.name).set_item(Some(item));
        let put = put
            .condition_expression(format!("{NEW} OR forgotten_at < :began OR expires_at <= :now"))
            .expression_attribute_values(":began", n(began.as_millis()))
            .expression_attribute_values(":now", n(self.clock.now().as_secs()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Created::Yes),
            Err(PutItemError::ConditionalCheckFailedException(refused)) => {
                let found = refused.item.unwrap_or_default();
                Ok(Created::Refused(parse_event(found, &event.account_id, self.clock.now())?))
            }
            Err(error) => Err(Unavailable::new("write an event", error)),
        }
    }

    async fn list_unwanted(&self, event: &LifecycleEvent) -> Result<()> {
        self.table.put("list an event", UnwantedRow::item(event)?).await
    }
}

impl EventVersions for EventTable {
    async fn put_version(&self, version: &LifecycleEvent, delivery: &DeliveryId) -> Result<bool> {
        let operation = "write a version of an event";
        let Some(mut item) = event_item(version, None)? else {
            return Err(Unavailable::new(operation, "it is too large"));
        };
        item.extend(version_key(&version.account_id, &version.id, delivery));
        // A deletion that has replaced the event by its mark no longer finds what is written later.
        let event = ConditionCheck::builder()
            .table_name(&self.table.name)
            .set_key(Some(event_key(&version.account_id, &version.id)))
            .condition_expression("attribute_exists(event_id)")
            .build();
        // The first write: if it is refused, the answer has the version that is there.
        let put = Put::builder()
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .table_name(&self.table.name)
            .set_item(Some(item))
            .condition_expression(NEW)
            .build();
        let (event, put) =
            event.and_then(|event| Ok((event, put?))).map_err(|error| Unavailable::new(operation, error))?;
        let event = TransactWriteItem::builder().condition_check(event).build();
        let put = TransactWriteItem::builder().put(put).build();
        match transact(&self.table.client, operation, vec![put, event]).await? {
            Written::Yes => Ok(true),
            Written::Refused(version) => Ok(!version.is_empty()),
            Written::TooLarge => Err(Unavailable::new(operation, "it is too large")),
        }
    }
}

impl EventLookup for EventTable {
    async fn exists(&self, account: &AccountId, event: &EventId) -> Result<bool> {
        let get = self.table.client.get_item().table_name(&self.table.name);
        let get = get
            .set_key(Some(event_key(account, event)))
            .projection_expression("event_id, expires_at")
            .send()
            .await;
        let item = get.map_err(|error| Unavailable::new("read an event", error.into_service_error()))?.item;
        let now = self.clock.now();
        Ok(item.is_some_and(|item| item.contains_key("event_id") && !is_expired(&item, now)))
    }
}

impl EventEraser for EventTable {
    async fn forget_event(&self, account: &AccountId, event: &EventId, at: Timestamp) -> Result<()> {
        self.table.put("delete an event", Forgotten::item(event_key(account, event), at)?).await
    }

    async fn forget_deliveries(&self, account: &AccountId, event: &EventId) -> Result<bool> {
        let operation = "delete the records of deliveries";
        if let StoredEvent::Kept { .. } = self.load(account, event).await? {
            return Ok(false); // the conversation has a new event, whose deliveries these are
        }
        let keys = self.table.sort_keys(operation, &event_partition(account, event)).await?;
        let records: Vec<_> = keys.into_iter().filter(|sk| sk != EVENT).collect();
        let deliveries = records.chunk_by(|a, b| delivery_of(a) == delivery_of(b));
        stream::iter(deliveries.map(Ok))
            .try_for_each_concurrent(CONCURRENT_DELETIONS, |of_one| async move {
                // Descending: completing a later record also updates the first, which goes last.
                for sk in of_one {
                    self.table.delete(operation, key(event_partition(account, event), sk)).await?;
                }
                Ok(())
            })
            .await?;
        Ok(!records.is_empty())
    }
}

/// The delivery's id in a record's sort key.
fn delivery_of(sk: &str) -> Option<&str> {
    sk.split_once('#').map(|(delivery, _)| delivery)
}
