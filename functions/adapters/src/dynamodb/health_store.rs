//! The health of destinations, and what it changes of them.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::destination::health::{Health, HealthState};
use domain::destination::record::{Destination, DestinationStatus};
use domain::destination::store::{HealthStore, SavedHealth};
use domain::shared::ids::{AccountId, DestinationId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, readable};

use super::destinations::{DestinationTable, destination_key, incomplete};
use super::expression::Expression;
use super::health::{health_partition, health_row, parse_health};
use super::item::{Item, n, to_attribute};
use super::table::Condition;
use super::transaction::{Written, transact};

/// What the ids of destinations begin with, and so the sort keys of their health.
const DESTINATIONS: &str = "dst_";

impl DestinationTable {
    /// The health of each of the account's destinations, by their ids.
    pub async fn health_of_account(&self, account: &AccountId) -> Result<Vec<(String, Health)>> {
        let rows = self.table.rows("read health", health_partition(account), DESTINATIONS, None).await?;
        Ok(readable(rows.into_iter().map(parse_health)))
    }

    /// Writes the health of a destination that is disabled, and disables it.
    async fn disable(
        &self,
        destination: &Destination,
        at: Timestamp,
        (row, condition): (Item, Condition),
    ) -> Result<SavedHealth> {
        let disabled = Destination { status: DestinationStatus::Disabled, ..destination.clone() };
        let disabled = disabled.touched(at);
        let set = Item::from([
            ("status".to_owned(), to_attribute(&disabled.status)?),
            ("updated_at".to_owned(), n(disabled.updated_at.as_millis())),
        ]);
        let mut expression = Expression::new(set, &[]);
        expression.values.insert(":loaded".to_owned(), n(destination.updated_at.as_millis()));
        let update = Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(destination_key(&destination.account_id, &destination.id)))
            .update_expression(expression.text)
            .condition_expression("#updated_at = :loaded")
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values));
        let update = TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build();
        // The first write: if it is refused, the answer has the row.
        let put = Put::builder()
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = self.put_row(put, row, condition)?;
        Ok(match transact(&self.table.client, "disable a destination", vec![put, update]).await? {
            Written::Yes => SavedHealth::Yes,
            Written::Refused(stored) if stored.is_empty() => SavedHealth::Changed,
            Written::Refused(_) | Written::TooLarge => SavedHealth::Conflict,
        })
    }
}

impl HealthStore for DestinationTable {
    async fn health(&self, account: &AccountId, destination: &DestinationId) -> Result<Option<Health>> {
        // A query, which Dispatch may make.
        let rows = self.table.rows("read health", health_partition(account), destination.as_str(), None);
        let rows = rows.await?.into_iter().map(parse_health).collect::<Result<Vec<_>>>()?;
        Ok(rows.into_iter().find(|(id, _)| id == destination.as_str()).map(|(_, health)| health))
    }

    async fn save_health(&self, destination: &Destination, health: &Health) -> Result<SavedHealth> {
        let (row, condition) = health_row(destination, health)?;
        if health.state == HealthState::Disabled && destination.is_active() {
            return self.disable(destination, health.since, (row, condition)).await;
        }
        Ok(match self.table.put_if("write health", row, condition).await? {
            Saved::Yes => SavedHealth::Yes,
            Saved::Conflict | Saved::TooLarge => SavedHealth::Conflict,
        })
    }
}
