//! The index by time: its partitions, merged, newest first.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::delivery::record::Delivery;
use domain::delivery::state::Summary;
use domain::delivery_log::events::ListedEvent;
use domain::delivery_log::position::{Position, sort_prefix};
use domain::delivery_log::search::Search;
use domain::shared::clock::Clock;
use domain::shared::ids::AccountId;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable, readable};
use futures_util::future::try_join_all;

use super::item::{Item, from_item, n, s};
use super::record::ListedRow;
use super::table::Table;
use super::unwanted::UnwantedRow;

/// The index.
pub(super) const INDEX: &str = "by_time";

/// Sorts after every position: positions start with a digit, and digits sort before letters.
const AFTER_ALL: &str = "z";

/// A row of the index.
pub(super) enum Listed {
    /// A delivery.
    Delivery(Summary),
    /// An event that no destination wanted.
    Unwanted(ListedEvent),
}

impl Listed {
    /// The delivery, if it is one.
    pub(super) fn delivery(self) -> Option<Summary> {
        match self {
            Self::Delivery(summary) => Some(summary),
            Self::Unwanted(_) => None,
        }
    }

    fn position(&self) -> Position {
        match self {
            Self::Delivery(summary) => position(summary),
            Self::Unwanted(event) => event.position(),
        }
    }
}

/// The position of a delivery.
pub(super) fn position(summary: &Summary) -> Position {
    let Delivery { created_at, id, .. } = &summary.delivery;
    Position { created_at: *created_at, delivery_id: id.clone() }
}

/// One partition of the index, read from its newest row to its oldest.
struct Shard {
    partition: String,
    low: String,
    high: String,
    rows: VecDeque<Listed>,
    /// Rows that the next read asks for: twice as many as the last one.
    wanted: usize,
    exhausted: bool,
}

/// The rows of several partitions.
pub(super) struct ByTime<'a> {
    table: &'a Table,
    clock: Arc<dyn Clock>,
    account: &'a AccountId,
    shards: Vec<Shard>,
}

impl<'a> ByTime<'a> {
    /// Begins with the newest row that the search has not seen, and ends with the oldest that is kept: the table removes
    /// expired rows days late, and a search would read them all.
    pub(super) fn new(
        table: &'a Table,
        clock: &Arc<dyn Clock>,
        (account, partitions): (&'a AccountId, Vec<String>),
        Search { filter, after, limit }: &Search,
        oldest: Timestamp,
    ) -> Self {
        let low = sort_prefix(filter.from.unwrap_or_default().max(oldest));
        let to = filter.to.map_or_else(|| AFTER_ALL.to_owned(), sort_prefix);
        let high =
            after.as_ref().map_or_else(|| to.clone(), |after| just_before(&after.sort_key()).min(to.clone()));
        let wanted = 1 + 2 * limit / partitions.len().max(1);
        let shards = partitions.into_iter().map(|partition| {
            let (low, high) = (low.clone(), high.clone());
            Shard { partition, low, high, rows: VecDeque::new(), wanted, exhausted: false }
        });
        Self { table, clock: Arc::clone(clock), account, shards: shards.collect() }
    }

    /// The next rows, up to this number; fewer only after the last one.
    pub(super) async fn take(&mut self, most: usize) -> Result<Vec<Listed>> {
        let mut rows = Vec::new();
        while rows.len() < most
            && let Some(row) = self.next().await?
        {
            rows.push(row);
        }
        Ok(rows)
    }

    /// The next row; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Listed>> {
        let (table, now, account) = (self.table, self.clock.now(), self.account);
        try_join_all(self.shards.iter_mut().map(|shard| shard.refill(table, now, account))).await?;
        let newest = self
            .shards
            .iter_mut()
            .filter(|shard| !shard.rows.is_empty())
            .max_by_key(|shard| shard.rows.front().map(Listed::position));
        Ok(newest.and_then(|shard| shard.rows.pop_front()))
    }
}

impl Shard {
    /// Reads the next rows if none are buffered.
    async fn refill(&mut self, table: &Table, now: Timestamp, account: &AccountId) -> Result<()> {
        while self.rows.is_empty() && !self.exhausted && self.low < self.high {
            let query = table
                .client
                .query()
                .table_name(&table.name)
                .index_name(INDEX)
                .key_condition_expression("#shard = :shard AND #position BETWEEN :low AND :high")
                .filter_expression("expires_at > :now")
                .expression_attribute_names("#shard", "shard")
                .expression_attribute_names("#position", "position")
                .expression_attribute_values(":shard", s(&self.partition))
                .expression_attribute_values(":low", s(&self.low))
                .expression_attribute_values(":high", s(&self.high))
                .expression_attribute_values(":now", n(now.as_secs()))
                .scan_index_forward(false)
                .limit(i32::try_from(self.wanted).unwrap_or(i32::MAX));
            let response = query.send().await;
            let response = response
                .map_err(|error| Unavailable::new("search the delivery log", error.into_service_error()))?;
            let rows = response.items.unwrap_or_default().into_iter();
            self.rows = readable(rows.map(|item| parse(item, account))).into();
            self.wanted *= 2;
            let last = response.last_evaluated_key.and_then(|mut key| key.remove("position"));
            match last.as_ref().and_then(|position| position.as_s().ok()) {
                Some(position) => self.high = just_before(position),
                None => self.exhausted = true,
            }
        }
        Ok(())
    }
}

fn parse(item: Item, account: &AccountId) -> Result<Listed> {
    if UnwantedRow::is(&item) {
        return Ok(Listed::Unwanted(from_item::<UnwantedRow>(item)?.into()));
    }
    Ok(Listed::Delivery(from_item::<ListedRow>(item)?.parse(account)?))
}

/// The bound just before a sort key, because `BETWEEN` includes its bounds. A sort key ends in a hexadecimal digit, so
/// no other key lies in between.
fn just_before(sort_key: &str) -> String {
    let mut bytes = sort_key.as_bytes().to_vec();
    let last = bytes.pop().unwrap_or(b'0');
    bytes.extend([last - 1, b'~']);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use domain::delivery_log::search::Filter;
    use domain::testing::fakes::{ManualClock, sample};

    use super::*;
    use crate::dynamodb::record::shards_of;

    /// DynamoDB refuses an empty key, and a range that ends before it begins. An emulator that refuses neither once
    /// concealed an empty key.
    #[test]
    fn an_open_search_has_bounds_that_dynamodb_takes() {
        let config = aws_sdk_dynamodb::Config::builder().behavior_version_latest().build();
        let table = Table::new(aws_sdk_dynamodb::Client::from_conf(config), "log".to_owned());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(0));
        let account = sample::account();
        let search = Search { filter: Filter::default(), after: None, limit: 10 };
        let all = (&account, shards_of(&account, &search.filter));
        for shard in ByTime::new(&table, &clock, all, &search, Timestamp::default()).shards {
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
