//! Conversations' records, and the events that are written when they end.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem};
use bytes::Bytes;
use domain::conversation::ended::{Ended, LateSignal};
use domain::conversation::fields::ConversationFields;
use domain::conversation::provider::Reference;
use domain::conversation::record::Conversation;
use domain::conversation::store::{ConversationLookup, Conversations};
use domain::event::lifecycle_event::LifecycleEvent;
use domain::event::store::EventOutbox;
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, ConversationId, EventId};
use domain::shared::json::JsonObject;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use serde::{Deserialize, Serialize};

use super::batch;
use super::events::{ANNOUNCED, EVENT, event_item, event_key};
use super::item::{Item, compress, decompress, fits, from_item, key, n, partition, to_item};
use super::overdue::OverdueKeys;
use super::table::{Condition, Table, conflict};
use super::transaction::{Written, transact};
use crate::config::Retention;
use crate::deadline::RESERVE;

/// What the item of a conversation in progress leaves free: an end adds to it, and to the event's payload, which must
/// fit into an item, too. Every accepted conversation must be able to end.
const SPARE_FOR_THE_END: usize = 20 * 1024;

/// Sort key of a conversation's record.
const RECORD: &str = "record";

/// The conversations table, read-only.
#[derive(Clone)]
pub struct ConversationTable {
    table: Table,
}

/// The conversations table, and the delivery-log table for the events of ended conversations.
#[derive(Clone)]
pub struct ConversationTables {
    conversations: ConversationTable,
    delivery_log: String,
    retention: Retention,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct ConversationRow {
    /// The fields that the payload contains, as compressed JSON.
    fields: Bytes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered_at: Option<u64>,
    /// As JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed_leg: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_end: Option<u64>,
    /// Puts the record into the index of overdue conversations.
    #[serde(flatten)]
    overdue: Option<OverdueKeys>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    late_signals: Vec<LateSignal>,
    created_at: u64,
    updated_at: u64,
    version: u64,
}

#[derive(Serialize)]
struct AnnouncedRow {
    expires_at: u64,
}

impl ConversationTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table) }
    }
}

impl ConversationTables {
    /// Combines the two tables; `delivery_log` is the name of the events' table.
    #[must_use]
    pub fn new(
        conversations: ConversationTable,
        delivery_log: String,
        retention: Retention,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { conversations, delivery_log, retention, clock }
    }

    fn client(&self) -> &Client {
        &self.conversations.table.client
    }
}

/// The condition that the stored version is still the loaded one, or that there is still no record.
fn unchanged(conversation: &Conversation) -> Condition {
    match conversation.version {
        0 => Condition::New,
        loaded => Condition::Unchanged(vec![("version", n(loaded))]),
    }
}

fn conversation_key(account: &AccountId, id: &ConversationId) -> Item {
    key(partition(account, id), RECORD)
}

fn to_record(conversation: &Conversation) -> Result<Option<Item>> {
    let Some(fields) = compress(conversation.fields.to_json().as_bytes())? else { return Ok(None) };
    let mut item = to_item(&ConversationRow {
        fields: fields.into(),
        references: conversation.references.clone(),
        answered_at: conversation.answered_at.map(Timestamp::as_millis),
        failed_leg: conversation.failed_leg.as_ref().map(ConversationFields::to_json),
        expected_end: conversation.expected_end.map(Timestamp::as_millis),
        overdue: conversation.overdue_at.map(|at| OverdueKeys::new(conversation, at)),
        ended: conversation.ended.clone(),
        late_signals: conversation.late_signals.clone(),
        created_at: conversation.created_at.as_millis(),
        updated_at: conversation.updated_at.as_millis(),
        version: conversation.version + 1,
    })?;
    item.extend(conversation_key(&conversation.account_id, &conversation.id));
    let spare = if conversation.ended.is_none() { SPARE_FOR_THE_END } else { 0 };
    Ok(fits(&item, spare).then_some(item))
}

fn parse_record(item: Item, account: &AccountId, id: &ConversationId) -> Result<Conversation> {
    let row: ConversationRow = from_item(item)?;
    let fields = |json: &[u8]| {
        let fields = JsonObject::parse(json, "fields").and_then(ConversationFields::parse);
        fields.map_err(|error| Unavailable::new("read a conversation", error))
    };
    Ok(Conversation {
        account_id: account.clone(),
        id: id.clone(),
        fields: fields(&decompress(&row.fields)?)?,
        references: row.references,
        answered_at: row.answered_at.map(Timestamp::from_millis),
        failed_leg: row.failed_leg.map(|json| fields(json.as_bytes())).transpose()?,
        expected_end: row.expected_end.map(Timestamp::from_millis),
        overdue_at: row.overdue.and_then(|keys| keys.at()),
        ended: row.ended,
        late_signals: row.late_signals,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
        version: row.version,
    })
}

impl ConversationLookup for ConversationTable {
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Option<Conversation>> {
        let item = self.table.get("read a conversation", conversation_key(account, id)).await?;
        item.map(|item| parse_record(item, account, id)).transpose()
    }
}

impl ConversationLookup for ConversationTables {
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Option<Conversation>> {
        self.conversations.load(account, id).await
    }
}

impl Conversations for ConversationTables {
    async fn save(&self, conversation: &Conversation) -> Result<Saved> {
        let Some(record) = to_record(conversation)? else { return Ok(Saved::TooLarge) };
        self.conversations.table.put_if("write a conversation", record, unchanged(conversation)).await
    }

    async fn end(&self, conversation: &Conversation, event: &LifecycleEvent) -> Result<Saved> {
        let expires_at = self.retention.expiry(event.accepted_at);
        let (Some(record), Some(event)) = (to_record(conversation)?, event_item(event, expires_at)?) else {
            return Ok(Saved::TooLarge);
        };
        let put = |name: &str, row| Put::builder().table_name(name).set_item(Some(row));
        let record = unchanged(conversation).guard(put(&self.conversations.table.name, record)).build();
        let record = record.map_err(|error| Unavailable::new("write a conversation", error))?;
        let event = put(&self.delivery_log, event).build();
        let event = event.map_err(|error| Unavailable::new("write an event", error))?;
        let puts = [record, event].map(|put| TransactWriteItem::builder().put(put).build());
        match transact(self.client(), "end a conversation", puts.to_vec()).await? {
            Written::Yes => Ok(Saved::Yes),
            Written::Refused(_) => conflict("end a conversation").await,
            Written::TooLarge => Ok(Saved::TooLarge),
        }
    }

    async fn delete(&self, conversation: &Conversation) -> Result<Saved> {
        let key = conversation_key(&conversation.account_id, &conversation.id);
        let table = &self.conversations.table;
        table.delete_if("delete a conversation", key, unchanged(conversation)).await
    }
}

impl EventOutbox for ConversationTables {
    async fn is_announced(&self, account: &AccountId, event: &EventId) -> Result<bool> {
        // Only the sort keys: the event itself can be large.
        let wanted = KeysAndAttributes::builder()
            .consistent_read(true)
            .keys(event_key(account, event, EVENT))
            .keys(event_key(account, event, ANNOUNCED))
            .projection_expression("sk")
            .build()
            .map_err(|error| Unavailable::new("read an event", error))?;
        let wanted = HashMap::from([(self.delivery_log.clone(), wanted)]);
        let (rows, left) = batch::get(self.client(), "read an event", wanted, RESERVE).await?;
        if !left.is_empty() {
            return Err(Unavailable::new("read an event", "the table had no capacity for all keys"));
        }
        let has = |name: &str| {
            rows.iter().any(|row| row.get("sk").is_some_and(|sk| sk.as_s().is_ok_and(|sk| sk == name)))
        };
        Ok(has(ANNOUNCED) || !has(EVENT))
    }

    async fn mark_announced(&self, account: &AccountId, event: &EventId) -> Result<()> {
        let mut item = to_item(&AnnouncedRow { expires_at: self.retention.expiry(self.clock.now()) })?;
        item.extend(event_key(account, event, ANNOUNCED));
        self.client()
            .put_item()
            .table_name(&self.delivery_log)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| Unavailable::new("mark an event as sent", error.into_service_error()))?;
        Ok(())
    }
}
