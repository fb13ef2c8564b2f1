//! The ledger: a record for each attempt, written before the request and completed after it.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementRequest, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use domain::delivery::deliver::TIME_TO_CLAIM;
use domain::delivery::history::{Entry, Record};
use domain::delivery::ledger::{Claim, Claimed, CompletedAttempt, Ledger};
use domain::delivery::record::{Delivery, DeliveryStatus};
use domain::delivery::state::DeliveryState;
use domain::delivery_log::position::Position;
use domain::shared::ids::{AccountId, DeliveryId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable};

use super::batch;
use super::expression::Expression;
use super::history::History;
use super::item::{Item, n, s, to_attribute, to_item};
use super::record::{
    AttemptMap, DELIVERED_LATER_BY, IndexKeys, LATENCIES, RecordRow, StateRow, original_key, record_key,
};
use super::statement::{MAX_STATEMENTS, execute, insert, update};
use super::table::{EXISTS, NEW};
use super::transaction::{PAUSE, Written, transact};
use crate::config::Retention;
use crate::deadline;
use crate::gather::Gather;

/// What the completion of an attempt leaves of an invocation when it gives up: enough to hand the message back.
const COMPLETION_RESERVE: Duration = Duration::from_secs(1);

/// The delivery-log table, as Dispatch uses it.
#[derive(Clone)]
pub struct LedgerTable {
    client: Client,
    table: String,
    retention: Retention,
    history: History,
    completions: Gather<BatchStatementRequest, Written>,
}

impl LedgerTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, retention: Retention) -> Self {
        let history = History::whole(client.clone(), table.clone());
        Self {
            client,
            table,
            retention,
            history,
            completions: Gather::new("complete attempts", MAX_STATEMENTS),
        }
    }

    /// A row that is kept for the retention after `since`.
    fn item(&self, delivery: &Delivery, record: &Record, since: Timestamp) -> Result<Item> {
        RecordRow::item(delivery, record, self.retention.expiry(since))
    }

    /// Returns one result for each claim, in order, and `None` for those that the table had no capacity for.
    async fn try_claim(&self, claims: &[&Claim]) -> Result<Vec<Option<Result<Claimed>>>> {
        let insert = |claim: &&Claim| {
            let entry = Entry::Inflight { owner: claim.owner.clone(), lease_until: claim.lease_until };
            let record = Record { number: claim.number, at: claim.at, entry };
            insert(&self.table, self.item(&claim.delivery, &record, claim.delivery.created_at)?)
        };
        let inserts = claims.iter().map(insert).collect::<Result<Vec<_>>>()?;
        let results = execute(&self.client, "claim attempts", inserts).await?;
        // An existing row is not an error: another worker has claimed the attempt.
        let claimed = |written| match written {
            Written::Yes => Claimed::Granted,
            Written::Refused(_) | Written::TooLarge => Claimed::Taken,
        };
        Ok(results.into_iter().map(|result| Some(result?.map(claimed))).collect())
    }

    /// Completes the record of a first attempt together with those of others that end at the same moment. The write also
    /// adds the delivery to the index: no earlier one does, so a first-try success costs three write units. If two copies of
    /// a message end one record in the same call, DynamoDB refuses it, and each is tried again after a pause of its own.
    async fn complete_first(&self, closing: &CompletedAttempt) -> Result<Written> {
        let set = first_completion(closing)?;
        let mut condition = record_key(&closing.delivery, closing.number)?;
        condition.insert("owner".to_owned(), s(closing.owner.as_str()));
        let statement = update(&self.table, condition, set, &COMPLETION_REMOVES)?;
        let written = self.completions.send([statement], |statements| self.execute(statements)).await;
        written.into_iter().next().unwrap_or_else(throttled)
    }

    /// Executes statements. Returns a result for each, in order.
    async fn execute(&self, statements: Vec<BatchStatementRequest>) -> Vec<Result<Written>> {
        let count = statements.len();
        match execute(&self.client, "complete attempts", statements).await {
            Ok(results) => results.into_iter().map(|result| result.unwrap_or_else(throttled)).collect(),
            Err(error) => (0..count).map(|_| Err(error.repeat())).collect(),
        }
    }

    /// Completes the record of a later attempt and updates the delivery's state: both or neither.
    async fn complete_later(&self, closing: &CompletedAttempt) -> Result<Written> {
        self.write_all(self.later_completion(closing)?).await
    }

    fn later_completion(&self, closing: &CompletedAttempt) -> Result<Vec<Update>> {
        let completion = self.own_record(closing, completion(closing)?)?;
        let (state, unset) = StateRow::from(closing.state()).into_update()?;
        let state = Expression::new(state, &unset);
        let state = match latency(closing) {
            Some(latency) => state.append(LATENCIES, latency),
            None => state,
        };
        Ok(vec![completion, self.state_update(&closing.delivery, state)?])
    }

    /// Completes the successful attempt of a delivery that a customer asked for, and notes it in the row of the one that the
    /// event left with: both or neither. That row may have expired, or be deleted with its conversation.
    async fn complete_redelivery(&self, closing: &CompletedAttempt, original: Item) -> Result<Written> {
        let mut writes = match closing.number {
            1 => vec![self.own_record(closing, first_completion(closing)?)?],
            _ => self.later_completion(closing)?,
        };
        let Delivery { created_at, id, .. } = &closing.delivery;
        let position = Position { created_at: *created_at, delivery_id: id.clone() };
        let note = Item::from([(DELIVERED_LATER_BY.to_owned(), s(position.sort_key()))]);
        writes.push(self.update(original, Expression::new(note, &[]), EXISTS)?);
        self.write_all(writes).await
    }

    /// An update of an attempt's record that is in flight and its owner's.
    fn own_record(&self, closing: &CompletedAttempt, set: Item) -> Result<Update> {
        let key = record_key(&closing.delivery, closing.number)?;
        let expression = Expression::new(set, &COMPLETION_REMOVES);
        self.update(key, expression.with("owner", s(closing.owner.as_str())), "#owner = :owner")
    }

    /// Updates a delivery's state in its row 1. The row must exist: an update must not recreate one that was deleted
    /// with its conversation.
    fn state_update(&self, delivery: &Delivery, state: Expression) -> Result<Update> {
        self.update(record_key(delivery, 1)?, state, EXISTS)
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

    async fn write_all(&self, writes: Vec<Update>) -> Result<Written> {
        let writes = writes.into_iter().map(|write| TransactWriteItem::builder().update(write).build());
        transact(&self.client, "write a record", writes.collect()).await
    }

    async fn try_complete(&self, closing: &CompletedAttempt) -> Result<bool> {
        let mut written = None;
        if let Some(original) = made_good(closing) {
            written = Some(self.complete_redelivery(closing, original).await?);
        }
        let written = match (written, closing.number) {
            // Without an item it may be the other row that does not exist.
            (Some(Written::Refused(item)), _) if !item.is_empty() => Written::Refused(item),
            (Some(Written::Yes), _) => Written::Yes,
            (_, 1) => self.complete_first(closing).await?,
            (_, _) => self.complete_later(closing).await?,
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
            let keys = match status {
                DeliveryStatus::Skipped => IndexKeys::of_skipped(delivery),
                _ => IndexKeys::of(delivery),
            };
            row.extend(to_item(&keys)?);
            self.put_alone(row).await?
        } else {
            let put = Put::builder().table_name(&self.table).set_item(Some(row)).condition_expression(NEW);
            let put = put.build().map_err(|error| Unavailable::new("close a delivery", error))?;
            let set = Item::from([
                ("status".to_owned(), to_attribute(&status)?),
                ("error".to_owned(), s(reason)),
                ("updated_at".to_owned(), to_attribute(&at.as_millis())?),
            ]);
            let state = self.state_update(delivery, Expression::new(set, &["next_at"]))?;
            self.write_with_state(TransactWriteItem::builder().put(put).build(), state).await?
        };
        Ok(match written {
            Written::Yes => Claimed::Granted,
            Written::Refused(_) => Claimed::Taken,
            Written::TooLarge => return Err(Unavailable::new("close a delivery", "its record is too large")),
        })
    }
}

/// The attributes of a record in flight that its completion removes.
const COMPLETION_REMOVES: [&str; 2] = ["lease_until", "owner"];

/// The attributes that complete an attempt's record.
fn completion(closing: &CompletedAttempt) -> Result<Item> {
    Ok(Item::from([("attempt".to_owned(), to_attribute(&AttemptMap::from(closing.attempted.clone()))?)]))
}

/// The attributes that complete a first attempt's record, and list its delivery.
fn first_completion(closing: &CompletedAttempt) -> Result<Item> {
    let mut set = to_item(&StateRow::from(closing.state()))?;
    set.extend(to_item(&IndexKeys::of(&closing.delivery))?);
    set.extend(latency(closing).map(|latency| (LATENCIES.to_owned(), AttributeValue::L(vec![latency]))));
    set.extend(completion(closing)?);
    Ok(set)
}

/// In milliseconds.
fn latency(closing: &CompletedAttempt) -> Option<AttributeValue> {
    let latency = closing.attempted.outcome.latency()?;
    Some(n(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)))
}

/// The row of the delivery that a customer's further one has made good.
fn made_good(closing: &CompletedAttempt) -> Option<Item> {
    let Delivery { id, .. } = &closing.delivery;
    let is_further = closing.delivery.original_id().as_ref() != Some(id);
    original_key(&closing.delivery).filter(|_| is_further && closing.status == DeliveryStatus::Delivered)
}

fn throttled<T>() -> Result<T> {
    Err(Unavailable::new("write a record", "the table had no capacity for it"))
}

/// Whether a refused completion had been applied before, and only its response was lost. Compares the stored forms,
/// because those have durations in whole milliseconds.
fn is_applied(closing: &CompletedAttempt, stored: &Item) -> Result<bool> {
    let ours = to_attribute(&AttemptMap::from(closing.attempted.clone()))?;
    Ok(stored.get("attempt") == Some(&ours))
}
