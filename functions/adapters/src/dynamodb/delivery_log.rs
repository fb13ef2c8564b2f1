//! Searches the Delivery Logs by merging an index's shards, newest first.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::delivery::history::Record;
use domain::delivery::record::Delivery;
use domain::delivery::state::{DeliveryState, Summary};
use domain::delivery_log::search::{DeliveryLog, Filter, Page, Position, Search, sort_prefix};
use domain::event::lifecycle_event::LifecycleEvent;
use domain::event::store::StoredEvent;
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, DeliveryId, EventId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable};
use futures_util::future::try_join_all;

use super::events::{event_key, parse_event};
use super::history::History;
use super::item::{from_item, n, s};
use super::record::{ListedRow, SHARDS, account_shard, destination_shard};
use super::table::Table;
use crate::config::Retention;
use crate::telemetry::readable;

/// Rows that one search examines, so that no search takes long, however large the log is. If few of them match the
/// filter, the page is short and has a position to continue from.
const MAX_EXAMINED: usize = 2000;

/// Sorts after every position: positions start with a digit, and digits sort before letters.
const AFTER_ALL: &str = "z";

/// The delivery-log table, as the Delivery Logs read it.
#[derive(Clone)]
pub struct DeliveryLogTable {
    table: Table,
    clock: Arc<dyn Clock>,
    retention: Retention,
    history: History,
}

/// One partition of an index, read from its newest row to its oldest.
struct Shard {
    index: &'static str,
    attribute: &'static str,
    partition: String,
    low: String,
    high: String,
    rows: VecDeque<Summary>,
    exhausted: bool,
}

impl DeliveryLogTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, retention: Retention, clock: Arc<dyn Clock>) -> Self {
        let history = History::kept(client.clone(), table.clone(), Arc::clone(&clock));
        Self { table: Table::new(client, table), clock, retention, history }
    }

    /// The shards, from the oldest delivery that is kept: the table removes expired rows days late, and a search would
    /// read them all.
    fn shards(oldest: Timestamp, account: &AccountId, Search { filter, after, .. }: &Search) -> Vec<Shard> {
        let low = sort_prefix(filter.from.unwrap_or_default().max(oldest));
        let to = filter.to.map_or_else(|| AFTER_ALL.to_owned(), sort_prefix);
        let high =
            after.as_ref().map_or_else(|| to.clone(), |after| just_before(&after.sort_key()).min(to.clone()));
        let shard = |number| {
            let (index, attribute, partition) = match &filter.destination {
                Some(destination) => {
                    ("by_destination", "destination_shard", destination_shard(account, destination, number))
                }
                None => ("by_account", "account_shard", account_shard(account, number)),
            };
            let (low, high) = (low.clone(), high.clone());
            Shard { index, attribute, partition, low, high, rows: VecDeque::new(), exhausted: false }
        };
        (0..SHARDS).map(shard).collect()
    }

    /// Reads the shard's next rows if none are buffered.
    async fn refill(&self, account: &AccountId, shard: &mut Shard, rows: usize) -> Result<()> {
        while shard.rows.is_empty() && !shard.exhausted && shard.low < shard.high {
            let response = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .index_name(shard.index)
                .key_condition_expression(format!(
                    "{} = :shard AND #position BETWEEN :low AND :high",
                    shard.attribute
                ))
                .filter_expression("expires_at > :now")
                .expression_attribute_names("#position", "position")
                .expression_attribute_values(":shard", s(&shard.partition))
                .expression_attribute_values(":low", s(&shard.low))
                .expression_attribute_values(":high", s(&shard.high))
                .expression_attribute_values(":now", n(self.clock.now().as_secs()))
                .scan_index_forward(false)
                .limit(i32::try_from(rows).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| Unavailable::new("search the delivery log", error.into_service_error()))?;
            let rows = response.items.unwrap_or_default().into_iter();
            shard.rows = readable(rows.map(|item| from_item::<ListedRow>(item)?.parse(account))).into();
            let last = response.last_evaluated_key.and_then(|mut key| key.remove("position"));
            match last.as_ref().and_then(|position| position.as_s().ok()) {
                Some(position) => shard.high = just_before(position),
                None => shard.exhausted = true,
            }
        }
        Ok(())
    }

    async fn merge(&self, account: &AccountId, search: &Search) -> Result<Page> {
        let mut shards = Self::shards(self.retention.oldest(self.clock.now()), account, search);
        let rows = 1 + search.limit / usize::from(SHARDS) * 2;
        let mut page = Page::default();
        let mut examined = 0;
        let mut last = None;
        loop {
            try_join_all(shards.iter_mut().map(|shard| self.refill(account, shard, rows))).await?;
            let newest = shards
                .iter_mut()
                .filter(|shard| !shard.rows.is_empty())
                .max_by_key(|shard| shard.rows.front().map(position));
            let Some(summary) = newest.and_then(|shard| shard.rows.pop_front()) else {
                return Ok(page); // all shards are exhausted
            };
            if page.deliveries.len() == search.limit || examined == MAX_EXAMINED {
                page.next = last; // more rows follow
                return Ok(page);
            }
            examined += 1;
            last = Some(position(&summary));
            if search.filter.matches(&summary) {
                page.deliveries.push(summary);
            }
        }
    }

    /// Searches the deliveries of one event. A conversation ends once, so these are all of the conversation's
    /// deliveries.
    async fn of_event(&self, account: &AccountId, event: &EventId, search: &Search) -> Result<Page> {
        let mut found: Vec<_> = summaries(&self.history.of_event(account, event).await?)
            .into_iter()
            .filter(|summary| search.filter.matches(summary))
            .filter(|summary| search.after.as_ref().is_none_or(|after| position(summary) < *after))
            .collect();
        found.sort_unstable_by_key(|summary| std::cmp::Reverse(position(summary)));
        let more = found.len() > search.limit;
        found.truncate(search.limit);
        let next = found.last().map(position).filter(|_| more);
        Ok(Page { deliveries: found, next })
    }
}

/// The bound just before a sort key, because `BETWEEN` includes its bounds. A sort key ends in a hexadecimal digit, so
/// no other key lies in between.
fn just_before(sort_key: &str) -> String {
    let mut bytes = sort_key.as_bytes().to_vec();
    let last = bytes.pop().unwrap_or(b'0');
    bytes.extend([last - 1, b'~']);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn position(summary: &Summary) -> Position {
    let Delivery { created_at, id, .. } = &summary.delivery;
    Position { created_at: *created_at, delivery_id: id.clone() }
}

/// Summarizes each delivery; its records must be adjacent.
fn summaries(records: &[(Delivery, Record)]) -> Vec<Summary> {
    records
        .chunk_by(|(a, _), (b, _)| a.id == b.id)
        .filter_map(|of_one| {
            let (delivery, _) = of_one.first()?;
            let records: Vec<_> = of_one.iter().map(|(_, record)| record.clone()).collect();
            Some(Summary { delivery: delivery.clone(), state: DeliveryState::of(&records)? })
        })
        .collect()
}

impl DeliveryLog for DeliveryLogTable {
    async fn search(&self, account: &AccountId, search: &Search) -> Result<Page> {
        let Filter { conversation, .. } = &search.filter;
        match conversation {
            Some(conversation) => {
                self.of_event(account, &EventId::of_conversation(account, conversation), search).await
            }
            None => self.merge(account, search).await,
        }
    }

    async fn history(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> Result<Option<(Summary, Vec<Record>)>> {
        let history = self.history.of_delivery(account, delivery).await?;
        let records: Vec<_> = history.iter().map(|(_, record)| record.clone()).collect();
        let summary = summaries(&history).pop();
        Ok(summary.map(|summary| (summary, records)))
    }

    async fn event(&self, account: &AccountId, event: &EventId) -> Result<Option<LifecycleEvent>> {
        let item = self.table.get("read an event", event_key(account, event)).await?;
        Ok(match item.map(|item| parse_event(item, account, self.clock.now())).transpose()? {
            Some(StoredEvent::Kept { event, .. }) => Some(event),
            None | Some(StoredEvent::Absent | StoredEvent::Forgotten { .. }) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::fakes::sample;

    use super::*;

    /// DynamoDB refuses an empty key, and a range that ends before it begins. An emulator that refuses neither once
    /// concealed an empty key.
    #[test]
    fn an_open_search_has_bounds_that_dynamodb_takes() {
        let search = Search { filter: Filter::default(), after: None, limit: 10 };
        for shard in DeliveryLogTable::shards(Timestamp::default(), &sample::account(), &search) {
            assert!(!shard.low.is_empty() && shard.low < shard.high);
        }
    }

    #[test]
    fn a_bound_just_before_a_key_leaves_that_key_out_and_no_other() {
        for (key, lower) in [("1#a1", "1#a0"), ("1#a0", "1#9f"), ("1#aa", "1#a9")] {
            assert!(just_before(key).as_str() < key && just_before(key).as_str() > lower);
        }
    }
}
