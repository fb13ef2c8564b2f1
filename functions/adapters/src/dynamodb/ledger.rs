//! The ledger: a record for each attempt, written before the request and completed after it.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse, Put,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::delivery::deliver::TIME_TO_CLAIM;
use domain::delivery::history::{Entry, Record};
use domain::delivery::ledger::{Claim, Claimed, CompletedAttempt, Ledger};
use domain::delivery::record::{Delivery, DeliveryStatus};
use domain::delivery::state::DeliveryState;
use domain::shared::ids::{AccountId, DeliveryId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable};

use super::batch;
use super::expression::Expression;
use super::history::History;
use super::item::{Item, s, to_attribute, to_item};
use super::record::{AttemptMap, IndexKeys, RecordRow, StateRow, record_key};
use super::table::{EXISTS, NEW};
use super::transaction::{PAUSE, Written, transact};
use crate::config::Retention;
use crate::deadline;

/// What the completion of an attempt leaves of an invocation when it gives up: enough to hand the message back.
const COMPLETION_RESERVE: Duration = Duration::from_secs(1);

/// The delivery-log table, as Dispatch uses it.
#[derive(Clone)]
pub struct LedgerTable {
    client: Client,
    table: String,
    retention: Retention,
    history: History,
}

impl LedgerTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, retention: Retention) -> Self {
        let history = History::whole(client.clone(), table.clone());
        Self { client, table, retention, history }
    }

    /// A row that is kept for the retention after `since`.
    fn item(&self, delivery: &Delivery, record: &Record, since: Timestamp) -> Result<Item> {
        RecordRow::item(delivery, record, self.retention.expiry(since))
    }

    /// A claim as a PartiQL statement: one call can send several, and each succeeds or fails by itself.
    fn insert(&self, claim: &Claim) -> Result<BatchStatementRequest> {
        let entry = Entry::Inflight { owner: claim.owner.clone(), lease_until: claim.lease_until };
        let record = Record { number: claim.number, at: claim.at, entry };
        let (names, values): (Vec<_>, Vec<_>) =
            self.item(&claim.delivery, &record, claim.delivery.created_at)?.into_iter().unzip();
        let placeholders: Vec<_> = names.iter().map(|name| format!("'{name}': ?")).collect();
        BatchStatementRequest::builder()
            .statement(format!("INSERT INTO \"{}\" VALUE {{{}}}", self.table, placeholders.join(", ")))
            .set_parameters(Some(values))
            .build()
            .map_err(|error| Unavailable::new("claim attempts", error))
    }

    /// Returns one result for each claim, in order, and `None` for those that the table had no capacity for.
    async fn try_claim(&self, claims: &[&Claim]) -> Result<Vec<Option<Result<Claimed>>>> {
        let inserts = claims.iter().map(|claim| self.insert(claim)).collect::<Result<Vec<_>>>()?;
        let request = self.client.batch_execute_statement().set_statements(Some(inserts));
        let response = request.send().await;
        let response =
            response.map_err(|error| Unavailable::new("claim attempts", error.into_service_error()))?;
        Ok(response.responses.unwrap_or_default().into_iter().map(claimed).collect())
    }

    /// Completes an attempt's record, if it is still in flight and has the same owner. Sets the other attributes, too.
    fn completion(&self, closing: &CompletedAttempt, others: Item) -> Result<Update> {
        let mut set =
            Item::from([("attempt".to_owned(), to_attribute(&AttemptMap::from(closing.attempted.clone()))?)]);
        set.extend(others);
        let key = record_key(&closing.delivery, closing.number)?;
        let expression =
            Expression::new(set, &["lease_until", "owner"]).with("owner", s(closing.owner.as_str()));
        self.update(key, expression, "#owner = :owner")
    }

    /// Updates a delivery's state in its row 1. The row must exist: an update must not recreate one that was deleted
    /// with its conversation.
    fn state_update(&self, delivery: &Delivery, set: Item, remove: &[&str]) -> Result<Update> {
        self.update(record_key(delivery, 1)?, Expression::new(set, remove), EXISTS)
    }

    fn update(&self, key: Item, expression: Expression, condition: &str) -> Result<Update> {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression(expression.text)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| Unavailable::new("write a record", error))
    }

    async fn write_alone(&self, update: Update) -> Result<Written> {
        let result = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .set_return_values_on_condition_check_failure(update.return_values_on_condition_check_failure)
            .send()
            .await;
        match result.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Written::Yes),
            Err(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Written::Refused(refused.item.unwrap_or_default()))
            }
            Err(error) => Err(Unavailable::new("complete an attempt", error)),
        }
    }

    async fn put_alone(&self, row: Item) -> Result<Written> {
        let put =
            self.client.put_item().table_name(&self.table).set_item(Some(row)).condition_expression(NEW);
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Written::Yes),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(Written::Refused(Item::new())),
            Err(error) => Err(Unavailable::new("close a delivery", error)),
        }
    }

    /// Writes a record and the delivery's new state: both or neither.
    async fn write_with_state(&self, record: TransactWriteItem, state: Update) -> Result<Written> {
        let state = TransactWriteItem::builder().update(state).build();
        transact(&self.client, "write a record", vec![record, state]).await
    }

    async fn try_complete(&self, closing: &CompletedAttempt) -> Result<bool> {
        let (state, unset) = StateRow::from(closing.state()).into_update()?;
        let written = if closing.number == 1 {
            // This write also adds the delivery to the index: no earlier one does, so a first-try success costs three
            // write units.
            let mut others = state;
            others.extend(to_item(&IndexKeys::of(&closing.delivery))?);
            self.write_alone(self.completion(closing, others)?).await?
        } else {
            let completion = self.completion(closing, Item::new())?;
            let state = self.state_update(&closing.delivery, state, &unset)?;
            self.write_with_state(TransactWriteItem::builder().update(completion).build(), state).await?
        };
        match written {
            Written::Yes => Ok(true),
            Written::Refused(item) => is_applied(closing, &item),
            Written::TooLarge => Err(Unavailable::new("complete an attempt", "its record is too large")),
        }
    }
}

impl Ledger for LedgerTable {
    async fn claim(&self, claims: &[Claim]) -> Vec<Result<Claimed>> {
        let mut results: Vec<_> = claims.iter().map(|_| None).collect();
        loop {
            let left: Vec<_> = (0..claims.len()).filter(|&index| results[index].is_none()).collect();
            match self.try_claim(&left.iter().map(|&index| &claims[index]).collect::<Vec<_>>()).await {
                Ok(claimed) => {
                    for (index, result) in left.into_iter().zip(claimed) {
                        results[index] = result;
                    }
                }
                Err(error) => {
                    for index in left {
                        results[index] = Some(Err(error.repeat()));
                    }
                }
            }
            if results.iter().all(Option::is_some) || !deadline::pause(batch::PAUSE, TIME_TO_CLAIM).await {
                break;
            }
        }
        let throttled = || Err(Unavailable::new("claim an attempt", "the table had no capacity for it"));
        results.into_iter().map(|result| result.unwrap_or_else(throttled)).collect()
    }

    async fn records(&self, account: &AccountId, delivery: &DeliveryId) -> Result<Vec<Record>> {
        let history = self.history.of_delivery(account, delivery).await?;
        Ok(history.into_iter().map(|(_, record)| record).collect())
    }

    /// Tries until shortly before the invocation's deadline: a success that was seen is not forgotten while there is time.
    async fn complete(&self, closing: &CompletedAttempt) -> Result<bool> {
        loop {
            let completed = self.try_complete(closing).await;
            if completed.is_ok() || !deadline::pause(PAUSE, COMPLETION_RESERVE).await {
                return completed;
            }
        }
    }

    async fn release(&self, claim: &Claim) -> Result<bool> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(record_key(&claim.delivery, claim.number)?))
            // Completing a record removes its owner.
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", s(claim.owner.as_str()));
        match delete.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(Unavailable::new("release a claim", error)),
        }
    }

    async fn close(
        &self,
        delivery: &Delivery,
        number: u8,
        status: DeliveryStatus,
        reason: &str,
        at: Timestamp,
    ) -> Result<Claimed> {
        let record = Record { number, at, entry: Entry::Closed { status, reason: reason.to_owned() } };
        let since = if number == 1 { at } else { delivery.created_at };
        let mut row = self.item(delivery, &record, since)?;
        let written = if number == 1 {
            if let Some(state) = DeliveryState::of(&[record]) {
                row.extend(to_item(&StateRow::from(state))?);
            }
            row.extend(to_item(&IndexKeys::of(delivery))?);
            self.put_alone(row).await?
        } else {
            let put = Put::builder().table_name(&self.table).set_item(Some(row)).condition_expression(NEW);
            let put = put.build().map_err(|error| Unavailable::new("close a delivery", error))?;
            let set = Item::from([
                ("status".to_owned(), to_attribute(&status)?),
                ("error".to_owned(), s(reason)),
                ("updated_at".to_owned(), to_attribute(&at.as_millis())?),
            ]);
            let state = self.state_update(delivery, set, &["next_at"])?;
            self.write_with_state(TransactWriteItem::builder().put(put).build(), state).await?
        };
        Ok(match written {
            Written::Yes => Claimed::Granted,
            Written::Refused(_) => Claimed::Taken,
            Written::TooLarge => return Err(Unavailable::new("close a delivery", "its record is too large")),
        })
    }
}

/// The result of one `INSERT`; `None` if the table had no capacity for it. An existing row is not an error: another
/// worker has claimed the attempt.
fn claimed(response: BatchStatementResponse) -> Option<Result<Claimed>> {
    use BatchStatementErrorCodeEnum as Code;
    let Some(error) = response.error else { return Some(Ok(Claimed::Granted)) };
    match error.code {
        Some(Code::DuplicateItem) => Some(Ok(Claimed::Taken)),
        Some(Code::ThrottlingError | Code::ProvisionedThroughputExceeded | Code::RequestLimitExceeded) => {
            None
        }
        code => {
            let code = code.as_ref().map_or("no code", Code::as_str).to_owned();
            Some(Err(Unavailable::new("claim an attempt", code)))
        }
    }
}

/// Whether a refused completion had been applied before, and only its response was lost. Compares the stored forms,
/// because those have durations in whole milliseconds.
fn is_applied(closing: &CompletedAttempt, stored: &Item) -> Result<bool> {
    let ours = to_attribute(&AttemptMap::from(closing.attempted.clone()))?;
    Ok(stored.get("attempt") == Some(&ours))
}
