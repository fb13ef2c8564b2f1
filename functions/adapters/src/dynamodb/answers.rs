//! The answers to requests with an `Idempotency-Key`, which a repeat gets again.

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

use super::item::{Item, from_item, key, s, to_item};
use super::table::{Condition, Table};
use crate::deadline::FUNCTION_TIMEOUT;

/// Prefix of the answers' partitions. Destinations may write nothing else to the table: see `KeepAnswers` in the
/// template.
const PREFIX: &str = "answer#";

/// Sort key of an answer.
const ANSWER: &str = "answer";

/// How long a repeat is answered alike.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than any invocation: after it, a request without an answer has died.
const LEASE: Duration = FUNCTION_TIMEOUT.saturating_add(Duration::from_secs(5));

/// The answers in the delivery-log table, whose rows expire.
pub(crate) struct AnswerTable {
    table: Table,
}

/// What a request is remembered by.
pub(crate) struct Claim<'a> {
    pub(crate) account: &'a AccountId,
    /// The digest of the request's key.
    pub(crate) key: &'a str,
    /// The digest of the request.
    pub(crate) request: &'a str,
    /// The invocation that answers it.
    pub(crate) owner: &'a str,
}

#[derive(Serialize, Deserialize)]
struct AnswerRow {
    request: String,
    claimed_by: String,
    /// `None` while the request is being answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Bytes>,
    /// The data key that the answer is encrypted under, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_key: Option<Bytes>,
    expires_at: u64,
}

/// An answer as it is stored.
pub(crate) struct StoredAnswer {
    pub(crate) content: Bytes,
    /// The encrypted data key of an encrypted one.
    pub(crate) data_key: Option<Bytes>,
}

/// The result of claiming a key.
pub(crate) enum Claimed {
    /// The request is the first with this key.
    Yes,
    /// Another request has it.
    By {
        /// The digest of that request.
        request: String,
        /// Its answer; `None` while it is being answered.
        answer: Option<StoredAnswer>,
    },
}

impl Claim<'_> {
    fn item(&self, answer: Option<StoredAnswer>, expires_at: Timestamp) -> Result<Item> {
        let (answer, data_key) = answer.map(|answer| (answer.content, answer.data_key)).unzip();
        let mut item = to_item(&AnswerRow {
            request: self.request.to_owned(),
            claimed_by: self.owner.to_owned(),
            answer,
            data_key: data_key.flatten(),
            expires_at: expires_at.as_secs(),
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

    /// Writes that the request is being answered, unless its key is taken.
    pub(crate) async fn claim(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Claimed> {
        let operation = "claim an idempotency key";
        let (text, values) = Condition::NewOrExpired { now: now.as_secs() }.expression();
        let put = self.table.client.put_item().table_name(&self.table.name);
        let put = put
            .set_item(Some(claim.item(None, now + LEASE)?))
            .condition_expression(text)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Claimed::Yes),
            Err(PutItemError::ConditionalCheckFailedException(refused)) => {
                let row: AnswerRow = from_item(refused.item.unwrap_or_default())?;
                // Our own write, repeated because its answer was lost.
                if row.claimed_by == claim.owner {
                    return Ok(Claimed::Yes);
                }
                let answer = row.answer.map(|content| StoredAnswer { content, data_key: row.data_key });
                Ok(Claimed::By { request: row.request, answer })
            }
            Err(error) => Err(Unavailable::new(operation, error)),
        }
    }

    /// Stores the answer for repeats.
    pub(crate) async fn complete(
        &self,
        claim: &Claim<'_>,
        answer: StoredAnswer,
        now: Timestamp,
    ) -> Result<Saved> {
        let row = claim.item(Some(answer), now + KEPT)?;
        self.table.put_if("store an answer", row, claim.is_own()).await
    }

    /// Frees the key for another request.
    pub(crate) async fn release(&self, claim: &Claim<'_>) -> Result<Saved> {
        self.table.delete_if("free an idempotency key", claim.row_key(), claim.is_own()).await
    }
}
