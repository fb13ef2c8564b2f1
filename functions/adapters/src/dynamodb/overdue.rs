//! Conversations that the schedule must handle, from a sparse index by due time.

use aws_sdk_dynamodb::Client;
use domain::conversation::record::Conversation;
use domain::lifecycle::overdue::OverdueConversations;
use domain::shared::ids::{AccountId, ConversationId, hex};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable, readable};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::{Item, s};

/// Name of the index.
const INDEX: &str = "by_overdue";

/// Partitions that the index is spread over: one partition key takes 1,000 writes a second. A power of two.
const SHARDS: u8 = 8;

/// Rows that one query reads from a partition.
const MAX_ROWS: i32 = 500;

/// The attributes that put a conversation's record into the index.
#[derive(Serialize, Deserialize)]
pub(super) struct OverdueKeys {
    overdue_shard: String,
    overdue_at: String,
}

impl OverdueKeys {
    pub(super) fn new(conversation: &Conversation, at: Timestamp) -> Self {
        let shard = Sha256::digest(conversation.id.as_str())[0] % SHARDS;
        Self { overdue_shard: shard_name(shard), overdue_at: sort_key(at) }
    }

    pub(super) fn at(&self) -> Option<Timestamp> {
        self.overdue_at.parse().ok().map(Timestamp::from_millis)
    }
}

/// A text that sorts like the time, up to the last year that RFC 3339 can express.
fn sort_key(at: Timestamp) -> String {
    format!("{:015}", at.as_millis())
}

fn shard_name(number: u8) -> String {
    hex(&[number])
}

/// The index of overdue conversations.
#[derive(Clone)]
pub struct OverdueIndex {
    client: Client,
    table: String,
}

impl OverdueIndex {
    /// Wraps the index of the conversations table with this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn shard(&self, number: u8, at: Timestamp) -> Result<Vec<(AccountId, ConversationId)>> {
        let operation = "find overdue conversations";
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("overdue_shard = :shard AND overdue_at <= :at")
            .expression_attribute_values(":shard", s(shard_name(number)))
            .expression_attribute_values(":at", s(sort_key(at)))
            .limit(MAX_ROWS)
            .send()
            .await;
        let page = page.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        Ok(readable(page.items().iter().map(parse)))
    }
}

/// Reads the account and conversation from the record's key.
fn parse(item: &Item) -> Result<(AccountId, ConversationId)> {
    let corrupt = |cause: String| Unavailable::new("find overdue conversations", cause);
    let key = item.get("pk").and_then(|pk| pk.as_s().ok()).and_then(|pk| pk.split_once('#'));
    let (account, conversation) = key.ok_or_else(|| corrupt("a row's key is malformed".to_owned()))?;
    let account = AccountId::parse(account).map_err(|error| corrupt(error.to_string()))?;
    let conversation = ConversationId::parse(conversation).map_err(|error| corrupt(error.to_string()))?;
    Ok((account, conversation))
}

impl OverdueConversations for OverdueIndex {
    async fn find(&self, at: Timestamp) -> Result<Vec<(AccountId, ConversationId)>> {
        let shards = try_join_all((0..SHARDS).map(|number| self.shard(number, at))).await?;
        Ok(shards.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_texts_however_far_ahead() {
        let moment = |text: &str| Timestamp::parse(text).unwrap();
        let times =
            ["2001-01-01T00:00:00Z", "2026-09-01T10:00:00Z", "2286-11-20T17:46:41Z", "9999-12-31T23:59:59Z"];
        assert!(times.map(|text| sort_key(moment(text))).is_sorted());
    }
}
