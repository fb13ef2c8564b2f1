//! The requests with an `Idempotency-Key`, and the answers that a repeat gets again.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use bytes::Bytes;
use domain::shared::ids::AccountId;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, key, n, s, to_item};
use super::table::{Condition, Table};
use crate::deadline::FUNCTION_TIMEOUT;

/// Prefix of the answers' partitions. Destinations may write nothing else to the table: see `KeepAnswers` in the
/// template.
const PREFIX: &str = "answer#";

/// Sort key of an answer.
const ANSWER: &str = "answer";

/// How long a key belongs to its request.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than any invocation: after it, the invocation that had claimed the key has died.
const LEASE: Duration = FUNCTION_TIMEOUT.saturating_add(Duration::from_secs(5));

/// The answers in the delivery-log table, whose rows expire.
pub(crate) struct AnswerTable {
    table: Table,
}

/// An invocation's claim to answer a request.
pub(crate) struct Claim<'a> {
    pub(crate) account: &'a AccountId,
    /// The digest of the request's key.
    pub(crate) key: &'a str,
    /// The digest of the request.
    pub(crate) request: &'a str,
    /// The invocation.
    pub(crate) owner: &'a str,
    /// The request's seed, as it is stored.
    pub(crate) seed: Bytes,
}

#[derive(Serialize, Deserialize)]
struct AnswerRow {
    request: String,
    claimed_by: String,
    /// When the invocation has certainly ended, in milliseconds: from then on, a repeat does the work.
    lease_until: u64,
    /// The first invocation's; those that do the work again keep it.
    seed: Bytes,
    /// `None` until there is one to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Bytes>,
    expires_at: u64,
}

/// The result of claiming a key.
pub(crate) enum Claimed {
    /// The request is the first with this key.
    First,
    /// An earlier invocation died or failed, perhaps after it had done the work. The claim has its seed now.
    Again,
    /// An invocation is answering the request.
    InProgress,
    /// The request was answered like this. The claim has its seed now.
    Answered(Bytes),
    /// Another request has the key.
    Reused,
}

impl Claim<'_> {
    fn item(&self, lease_until: Timestamp, answer: Option<Bytes>, now: Timestamp) -> Result<Item> {
        let mut item = to_item(&AnswerRow {
            request: self.request.to_owned(),
            claimed_by: self.owner.to_owned(),
            lease_until: lease_until.as_millis(),
            seed: self.seed.clone(),
            answer,
            expires_at: (now + KEPT).as_secs(),
        })?;
        item.extend(self.row_key());
        Ok(item)
    }

    fn row_key(&self) -> Item {
        key(format!("{PREFIX}{}#{}", self.account, self.key), ANSWER)
    }

    fn is_own(&self) -> Condition {
        Condition::Unchanged(vec![("claimed_by", s(self.owner))])
    }
}

impl AnswerTable {
    /// Wraps the table with this name.
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table) }
    }

    /// Writes that this invocation answers the request, unless its key belongs to another request or its work is being
    /// done or is done. If an earlier invocation had begun it, the claim takes that one's seed.
    pub(crate) async fn claim(&self, claim: &mut Claim<'_>, now: Timestamp) -> Result<Claimed> {
        let mut condition = Condition::NewOrExpired { now: now.as_secs() };
        let mut claimed = Claimed::First;
        loop {
            let (text, values) = condition.expression();
            let put = self.table.client.put_item().table_name(&self.table.name);
            let put = put
                .set_item(Some(claim.item(now + LEASE, None, now)?))
                .condition_expression(text)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let row: AnswerRow = match put.send().await.map_err(SdkError::into_service_error) {
                Ok(_) => return Ok(claimed),
                Err(PutItemError::ConditionalCheckFailedException(refused)) => {
                    from_item(refused.item.unwrap_or_default())?
                }
                Err(error) => return Err(Unavailable::new("claim an idempotency key", error)),
            };
            // Our own write, repeated because its answer was lost.
            if row.claimed_by == claim.owner {
                return Ok(claimed);
            }
            if row.request != claim.request {
                return Ok(Claimed::Reused);
            }
            claim.seed = row.seed;
            if let Some(answer) = row.answer {
                return Ok(Claimed::Answered(answer));
            }
            if now.as_millis() < row.lease_until {
                return Ok(Claimed::InProgress);
            }
            claimed = Claimed::Again;
            condition = Condition::Unchanged(vec![
                ("claimed_by", s(row.claimed_by)),
                ("lease_until", n(row.lease_until)),
            ]);
        }
    }

    /// Stores the answer for repeats.
    pub(crate) async fn complete(&self, claim: &Claim<'_>, answer: Bytes, now: Timestamp) -> Result<Saved> {
        let row = claim.item(now, Some(answer), now)?;
        self.table.put_if("store an answer", row, claim.is_own()).await
    }

    /// Lets the next repeat do the work again, with the same seed, without waiting for the lease.
    pub(crate) async fn end_lease(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Saved> {
        let row = claim.item(now, None, now)?;
        self.table.put_if("free an idempotency key for its request", row, claim.is_own()).await
    }

    /// Frees the key for any request.
    pub(crate) async fn release(&self, claim: &Claim<'_>) -> Result<Saved> {
        self.table.delete_if("free an idempotency key", claim.row_key(), claim.is_own()).await
    }
}
