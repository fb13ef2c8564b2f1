//! The Delivery Logs.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::delivery::history::Record;
use domain::delivery::record::Delivery;
use domain::delivery::state::Summary;
use domain::delivery_log::events::{EventPage, ListedEvent};
use domain::delivery_log::position::Position;
use domain::delivery_log::search::{DeliveryLog, Filter, Page, Search};
use domain::event::lifecycle_event::LifecycleEvent;
use domain::event::store::StoredEvent;
use domain::shared::clock::Clock;
use domain::shared::ids::{AccountId, DeliveryId, EventId};
use domain::shared::unavailable::Result;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::by_time::{ByTime, Listed, position};
use super::events::{carried_key, event_key, parse_event};
use super::history::History;
use super::item::Item;
use super::record::{DELIVERED_LATER_BY, original_key, shards_of, unwanted_shards};
use super::table::Table;
use crate::config::Retention;

/// Rows that one search examines, so that no search takes long, however large the log is. If few of them match the
/// filter, the page is short and has a position to continue from.
const MAX_EXAMINED: usize = 2000;

/// Rows that a search takes at a time.
const CHUNK: usize = 100;

/// Deliveries that are looked up at the same time.
const CONCURRENT_LOOKUPS: usize = 16;

/// The delivery-log table, as the Delivery Logs read it.
#[derive(Clone)]
pub struct DeliveryLogTable {
    table: Table,
    clock: Arc<dyn Clock>,
    retention: Retention,
    history: History,
}

impl DeliveryLogTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, retention: Retention, clock: Arc<dyn Clock>) -> Self {
        let history = History::kept(client.clone(), table.clone(), Arc::clone(&clock));
        Self { table: Table::new(client, table), clock, retention, history }
    }

    fn rows<'a>(&'a self, account: &'a AccountId, partitions: Vec<String>, search: &Search) -> ByTime<'a> {
        let oldest = self.retention.oldest(self.clock.now());
        ByTime::new(&self.table, &self.clock, (account, partitions), search, oldest)
    }

    async fn by_time(&self, account: &AccountId, search: &Search) -> Result<Page> {
        let mut rows = self.rows(account, shards_of(account, &search.filter), search);
        let mut page = Page::default();
        let mut examined = 0;
        let mut last = None;
        loop {
            let rows = rows.take(CHUNK).await?;
            let follow = rows.len() == CHUNK;
            let mut deliveries = rows.into_iter().filter_map(Listed::delivery).collect();
            if search.filter.undelivered {
                deliveries = self.with_later(deliveries).await?;
            }
            for summary in deliveries {
                if page.deliveries.len() == search.limit || examined == MAX_EXAMINED.max(search.limit) {
                    page.next = last; // more rows follow
                    return Ok(page);
                }
                examined += 1;
                last = Some(position(&summary));
                if search.filter.matches(&summary) {
                    page.deliveries.push(summary);
                }
            }
            if !follow {
                return Ok(page);
            }
        }
    }

    /// Searches the deliveries of one event. A conversation ends once, so these are all of the conversation's
    /// deliveries.
    async fn of_event(&self, account: &AccountId, event: &EventId, search: &Search) -> Result<Page> {
        let all = summaries(&self.history.of_event(account, event).await?);
        let mut found: Vec<_> = self
            .look_up(all, |_| true)
            .await?
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

    /// Looks up which failed deliveries a later one has made good, of those of which it is unknown.
    async fn look_up(
        &self,
        deliveries: Vec<Summary>,
        is_unknown: impl Fn(&Delivery) -> bool,
    ) -> Result<Vec<Summary>> {
        let is_unknown = &is_unknown;
        let looked_up = stream::iter(deliveries).map(|mut summary| async move {
            if summary.has_failed() && is_unknown(&summary.delivery) {
                summary.delivered_later_by = self.delivered_later_by(&summary.delivery).await?;
            }
            Ok(summary)
        });
        looked_up.buffered(CONCURRENT_LOOKUPS).try_collect().await
    }

    /// The latest delivery that a customer asked for and that has arrived, if it is later than this one of the same event
    /// and destination.
    async fn delivered_later_by(&self, delivery: &Delivery) -> Result<Option<DeliveryId>> {
        let Some(key) = original_key(delivery) else { return Ok(None) };
        let row = self.table.glance("read a delivery", key).await?.unwrap_or_default();
        let later = row.get(DELIVERED_LATER_BY).and_then(|position| Position::parse(position.as_s().ok()?));
        let later =
            later.filter(|later| later.created_at >= delivery.created_at && later.delivery_id != delivery.id);
        Ok(later.map(|later| later.delivery_id))
    }

    /// The event with this key, while it is retained.
    async fn kept(&self, account: &AccountId, key: Item) -> Result<Option<LifecycleEvent>> {
        let item = self.table.get("read an event", key).await?;
        Ok(match item.map(|item| parse_event(item, account, self.clock.now())).transpose()? {
            Some(StoredEvent::Kept { event, .. }) => Some(event),
            None | Some(StoredEvent::Absent | StoredEvent::Forgotten { .. }) => None,
        })
    }
}

/// Whether a delivery is the one that an event left with, or one that a customer asked for since.
enum Sending {
    First,
    Later,
}

/// The event of a row, and the delivery that the row lists.
fn event_of(row: Listed) -> Option<(ListedEvent, Option<(Summary, Sending)>)> {
    let summary = match row {
        Listed::Unwanted(event) => return Some((event, None)),
        Listed::Delivery(summary) => summary,
    };
    let Delivery { id, conversation_id, event, created_at, .. } = &summary.delivery;
    let event = ListedEvent {
        id: id.event_id()?,
        conversation_id: conversation_id.clone(),
        kind: *event,
        created_at: *created_at,
        deliveries: Vec::new(),
    };
    let is_first = summary.delivery.original_id().as_ref() == Some(id);
    let sending = if is_first { Sending::First } else { Sending::Later };
    Some((event, Some((summary, sending))))
}

/// Summarizes each delivery; its records must be adjacent.
fn summaries(records: &[(Delivery, Record)]) -> Vec<Summary> {
    records
        .chunk_by(|(a, _), (b, _)| a.id == b.id)
        .filter_map(|of_one| {
            let (delivery, _) = of_one.first()?;
            let records: Vec<_> = of_one.iter().map(|(_, record)| record.clone()).collect();
            Summary::of(delivery, &records)
        })
        .collect()
}

impl DeliveryLog for DeliveryLogTable {
    async fn search(&self, account: &AccountId, search: &Search) -> Result<Page> {
        let Filter { conversation, event_id, .. } = &search.filter;
        let of_conversation =
            conversation.as_ref().map(|conversation| EventId::of_conversation(account, conversation));
        match event_id.clone().or(of_conversation) {
            Some(event) => self.of_event(account, &event, search).await,
            None => self.by_time(account, search).await,
        }
    }

    async fn with_later(&self, found: Vec<Summary>) -> Result<Vec<Summary>> {
        // The index says it of the others.
        self.look_up(found, |delivery| delivery.original_id().as_ref() != Some(&delivery.id)).await
    }

    async fn events(&self, account: &AccountId, search: &Search) -> Result<EventPage> {
        let partitions = [shards_of(account, &Filter::default()), unwanted_shards(account)].concat();
        let mut rows = self.rows(account, partitions, search);
        let mut page = EventPage::default();
        let mut examined = 0;
        let mut last = None;
        while let Some(row) = rows.next().await? {
            let Some((event, delivery)) = event_of(row) else { continue };
            let is_next = last.as_ref().is_none_or(|last: &ListedEvent| last.id != event.id);
            if is_next && (page.events.len() == search.limit || examined >= MAX_EXAMINED) {
                page.next = last.map(|last| last.position()); // more events follow
                break;
            }
            examined += 1;
            let is_listed = !matches!(delivery, Some((_, Sending::Later)))
                && search.filter.event.is_none_or(|kind| kind == event.kind);
            if is_listed {
                if page.events.last().is_none_or(|before| before.id != event.id) {
                    page.events.push(event.clone());
                }
                if let Some(event) = page.events.last_mut() {
                    event.deliveries.extend(delivery.map(|(summary, _)| summary));
                }
            }
            last = Some(event);
        }
        Ok(page)
    }

    async fn history(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> Result<Option<(Summary, Vec<Record>)>> {
        let history = self.history.of_delivery(account, delivery).await?;
        let records: Vec<_> = history.iter().map(|(_, record)| record.clone()).collect();
        let summary = self.look_up(summaries(&history), |_| true).await?.pop();
        Ok(summary.map(|summary| (summary, records)))
    }

    async fn event(&self, account: &AccountId, event: &EventId) -> Result<Option<LifecycleEvent>> {
        self.kept(account, event_key(account, event)).await
    }

    async fn carried(&self, delivery: &Delivery) -> Result<Option<LifecycleEvent>> {
        match carried_key(&delivery.account_id, &delivery.id, delivery.trigger) {
            Some(key) => self.kept(&delivery.account_id, key).await,
            None => Ok(None),
        }
    }
}
