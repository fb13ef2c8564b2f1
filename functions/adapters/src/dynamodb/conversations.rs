//! Conversations' records, and the marks of deleted ones.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use bytes::Bytes;
use domain::conversation::ended::{Ended, LateSignal};
use domain::conversation::fields::ConversationFields;
use domain::conversation::provider::Reference;
use domain::conversation::record::Conversation;
use domain::conversation::store::{ConversationLookup, Conversations, Stored};
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::json::JsonObject;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use serde::{Deserialize, Serialize};

use super::events::event_item;
use super::forgotten::Forgotten;
use super::item::{Item, compress, decompress, fits, from_item, is_expired, key, n, partition, to_item};
use super::overdue::OverdueKeys;
use super::references::expire_links;
use super::table::{Condition, Table};

/// What the item of a conversation in progress leaves free: an end adds to it, and to the event's payload, which must
/// fit into an item, too. Every accepted conversation must be able to end.
const SPARE_FOR_THE_END: usize = 20 * 1024;

/// How much longer a conversation is kept than its event. DynamoDB removes expired rows within days, and those of the
/// event's deliveries would refuse the deliveries of a second conversation with the same id.
const OUTLIVES_EVENT_BY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Sort key of a conversation's record.
const RECORD: &str = "record";

/// The conversations table.
#[derive(Clone)]
pub struct ConversationTable {
    table: Table,
    /// How long an ended conversation is kept after its last change; `None` for ever.
    retention: Option<Duration>,
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
    /// As JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_answer: Option<String>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

impl ConversationTable {
    /// Wraps the table with this name, where records are kept for ever.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Arc<dyn Clock>) -> Self {
        Self { table: Table::new(client, table), retention: None, clock }
    }

    /// Keeps an ended conversation, and what providers call it, for this long after its last change.
    #[must_use]
    pub fn with_retention(self, retention: Option<Duration>) -> Self {
        Self { retention, ..self }
    }

    /// When the record expires, in seconds since the epoch.
    fn expiry(&self, conversation: &Conversation) -> Option<u64> {
        let (retention, ended) = (self.retention?, conversation.ended.as_ref()?);
        Some((conversation.updated_at + retention).max(ended.until + OUTLIVES_EVENT_BY).as_secs())
    }

    /// What an item is; an expired one is nothing.
    fn parse(&self, item: Option<Item>, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        let Some(item) = item.filter(|item| !is_expired(item, self.clock.now())) else {
            return Ok(Stored::Absent);
        };
        Ok(match Forgotten::of(&item)? {
            Some(mark) => Stored::Forgotten { until: mark.until() },
            None => Stored::Kept(Box::new(parse_record(item, account, id)?)),
        })
    }

    /// The condition that the stored version is still the loaded one, or that the id is still free.
    fn unchanged(&self, conversation: &Conversation) -> Condition {
        match conversation.version {
            0 => Condition::NewOrExpired { now: self.clock.now().as_secs() },
            loaded => Condition::Unchanged(vec![("version", n(loaded))]),
        }
    }
}

fn conversation_key(account: &AccountId, id: &ConversationId) -> Item {
    key(partition(account, id), RECORD)
}

fn to_record(conversation: &Conversation, expires_at: Option<u64>) -> Result<Option<Item>> {
    let Some(fields) = compress(conversation.fields.to_json().as_bytes())? else { return Ok(None) };
    let mut item = to_item(&ConversationRow {
        fields: fields.into(),
        references: conversation.references.clone(),
        answered_at: conversation.answered_at.map(Timestamp::as_millis),
        failed_leg: conversation.failed_leg.as_ref().map(ConversationFields::to_json),
        by_answer: conversation.by_answer.as_ref().map(ConversationFields::to_json),
        expected_end: conversation.expected_end.map(Timestamp::as_millis),
        overdue: conversation.overdue_at.map(|at| OverdueKeys::new(conversation, at)),
        ended: conversation.ended.clone(),
        late_signals: conversation.late_signals.clone(),
        created_at: conversation.created_at.as_millis(),
        updated_at: conversation.updated_at.as_millis(),
        version: conversation.version + 1,
        expires_at,
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
        by_answer: row.by_answer.map(|json| fields(json.as_bytes())).transpose()?,
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
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        self.parse(self.table.get("read a conversation", conversation_key(account, id)).await?, account, id)
    }
}

impl Conversations for ConversationTable {
    async fn glance(&self, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        self.parse(
            self.table.glance("read a conversation", conversation_key(account, id)).await?,
            account,
            id,
        )
    }

    async fn save(&self, conversation: &Conversation) -> Result<Saved> {
        let expires_at = self.expiry(conversation);
        let Some(record) = to_record(conversation, expires_at)? else { return Ok(Saved::TooLarge) };
        // An end whose payload does not fit into an item could never leave.
        if let Some(ended) = &conversation.ended
            && event_item(&conversation.lifecycle_event(ended, ended.at), None)?.is_none()
        {
            return Ok(Saved::TooLarge);
        }
        // First, because a link that outlives its record would stay for ever.
        if let Some(expires_at) = expires_at {
            expire_links(&self.table, conversation, expires_at).await?;
        }
        self.table.put_if("write a conversation", record, self.unchanged(conversation)).await
    }

    async fn forget(&self, conversation: &Conversation, at: Timestamp) -> Result<Saved> {
        let mark = Forgotten::item(conversation_key(&conversation.account_id, &conversation.id), at)?;
        self.table.put_if("delete a conversation", mark, self.unchanged(conversation)).await
    }
}
