//! Providers' ids of conversations, and the callbacks parked until their conversation is known.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use domain::conversation::fields::ConversationFields;
use domain::conversation::provider::Reference;
use domain::conversation::record::Conversation;
use domain::lifecycle::link::{Link, References};
use domain::lifecycle::provider_callback::{CallProgress, ProviderCallback};
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, ConversationId, hex};
use domain::shared::json::JsonObject;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable, readable};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::{Item, from_item, is_expired, key, n, partition, s, to_item};
use super::table::{Condition, Table};

/// Sort key of the row that links a reference to its conversation.
const LINK: &str = "link";

/// Prefix of the sort keys of parked callbacks.
const CALLBACK: &str = "callback#";

/// The references and parked callbacks in the conversations table.
#[derive(Clone)]
pub struct ReferenceTable {
    table: Table,
    /// How long an ended conversation is kept after its last change; `None` for ever.
    retention: Option<Duration>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct LinkRow {
    conversation_id: ConversationId,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<ConversationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct CallbackRow {
    id: String,
    at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<u64>,
    progress: CallProgress,
    known: String,
    /// In seconds since the epoch, as DynamoDB's TTL expects it.
    expires_at: u64,
}

impl ReferenceTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, retention: Option<Duration>, clock: Arc<dyn Clock>) -> Self {
        Self { table: Table::new(client, table), retention, clock }
    }
}

/// The partition of one reference. The provider's id comes last, so that no id can imitate another reference.
fn reference_partition(account: &AccountId, reference: &Reference) -> String {
    partition(account, format_args!("{}#{}", reference.provider.as_ref(), reference.id()))
}

fn link_key(account: &AccountId, reference: &Reference) -> Item {
    key(reference_partition(account, reference), LINK)
}

fn callback_key(account: &AccountId, callback: &ProviderCallback) -> Item {
    let name = hex(&Sha256::digest(&callback.id)[..8]);
    key(reference_partition(account, &callback.reference), format!("{CALLBACK}{name}"))
}

/// The condition that the reference still has the link that was found.
fn unchanged(found: &Link) -> Condition {
    Condition::Unchanged(vec![
        ("conversation_id", s(found.conversation_id.as_str())),
        ("since", n(found.since.as_millis())),
    ])
}

/// Lets a conversation's links expire with its record; those that have led to another conversation since stay.
pub(super) async fn expire_links(table: &Table, conversation: &Conversation, expires_at: u64) -> Result<()> {
    let updates = conversation.references.iter().map(async |reference| {
        let update = table.client.update_item().table_name(&table.name);
        let update = update
            .set_key(Some(link_key(&conversation.account_id, reference)))
            .update_expression("SET expires_at = :expires_at")
            .condition_expression("conversation_id = :conversation")
            .expression_attribute_values(":expires_at", n(expires_at))
            .expression_attribute_values(":conversation", s(conversation.id.as_str()));
        match update.send().await.map_err(SdkError::into_service_error) {
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(Unavailable::new("let a reference expire", error)),
        }
    });
    try_join_all(updates).await.map(drop)
}

impl References for ReferenceTable {
    async fn find(&self, account: &AccountId, reference: &Reference) -> Result<Option<Link>> {
        let item = self.table.get("read a reference", link_key(account, reference)).await?;
        let Some(item) = item.filter(|item| !is_expired(item, self.clock.now())) else { return Ok(None) };
        let LinkRow { conversation_id, since, earlier, expires_at } = from_item(item)?;
        let (since, ended) = (Timestamp::from_millis(since), expires_at.is_some());
        Ok(Some(Link { conversation_id, since, earlier, ended }))
    }

    async fn put(
        &self,
        account: &AccountId,
        reference: &Reference,
        link: &Link,
        found: Option<&Link>,
    ) -> Result<Saved> {
        let mut item = to_item(&LinkRow {
            conversation_id: link.conversation_id.clone(),
            since: link.since.as_millis(),
            earlier: link.earlier.clone(),
            expires_at: self.retention.filter(|_| link.ended).map(|kept| (self.clock.now() + kept).as_secs()),
        })?;
        item.extend(link_key(account, reference));
        let now = self.clock.now().as_secs();
        let condition = found.map_or(Condition::NewOrExpired { now }, unchanged);
        self.table.put_if("write a reference", item, condition).await
    }

    async fn remove(&self, account: &AccountId, reference: &Reference, found: &Link) -> Result<Saved> {
        self.table.delete_if("delete a reference", link_key(account, reference), unchanged(found)).await
    }

    async fn park(&self, account: &AccountId, callback: &ProviderCallback, until: Timestamp) -> Result<()> {
        let mut item = to_item(&CallbackRow {
            id: callback.id.clone(),
            at: callback.at.as_millis(),
            began: callback.began.map(Timestamp::as_millis),
            progress: callback.progress,
            known: callback.known.to_json(),
            // Rounded up: it must not expire early.
            expires_at: until.as_secs() + 1,
        })?;
        item.extend(callback_key(account, callback));
        self.table.put("park a callback", item).await
    }

    async fn unpark(&self, account: &AccountId, callback: &ProviderCallback) -> Result<()> {
        self.table.delete("delete a parked callback", callback_key(account, callback)).await?;
        Ok(())
    }

    async fn parked(&self, account: &AccountId, reference: &Reference) -> Result<Vec<ProviderCallback>> {
        let (pk, now) = (reference_partition(account, reference), self.clock.now().as_secs());
        let rows = self.table.rows("read parked callbacks", pk, CALLBACK, Some(now)).await?;
        Ok(readable(rows.into_iter().map(|item| parse_callback(item, reference))))
    }
}

fn parse_callback(item: Item, reference: &Reference) -> Result<ProviderCallback> {
    let row: CallbackRow = from_item(item)?;
    let known = JsonObject::parse(row.known.as_bytes(), "known").and_then(ConversationFields::parse);
    Ok(ProviderCallback {
        reference: reference.clone(),
        id: row.id,
        at: Timestamp::from_millis(row.at),
        began: row.began.map(Timestamp::from_millis),
        progress: row.progress,
        known: known.map_err(|error| Unavailable::new("read a parked callback", error))?,
    })
}
