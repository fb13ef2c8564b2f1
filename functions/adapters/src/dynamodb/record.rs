//! A record of a delivery's history as an item.

use std::time::Duration;

use domain::delivery::history::{Attempted, Entry, Owner, Record};
use domain::delivery::outcome::{Outcome, OutcomeClass};
use domain::delivery::record::{Delivery, DeliveryStatus, Trigger};
use domain::delivery::state::{DeliveryState, Summary};
use domain::delivery_log::position::Position;
use domain::delivery_log::search::Filter;
use domain::event::kind::EventKind;
use domain::event::lifecycle_event::LifecycleEvent;
use domain::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId, last_digit};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable};
use serde::{Deserialize, Serialize};

use super::item::{Item, key, partition, to_item};

/// Partitions of the index that hold the deliveries of one group of destinations: one partition key takes 1,000 writes a
/// second.
const SHARDS: u8 = 4;

/// The group, beside those of destinations, of the events that no destination wanted.
const UNWANTED: u8 = DestinationId::GROUPS;

/// A record's row. Row 1 also has the delivery's state and the keys of the index, so that each delivery is listed once, from
/// the end of its first attempt on.
#[derive(Serialize, Deserialize)]
pub(super) struct RecordRow {
    sk: String,
    destination_id: DestinationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    event: EventKind,
    trigger: Trigger,
    created_at: u64,
    at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptMap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<ClosedMap>,
    expires_at: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttemptMap {
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trimmed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ClosedMap {
    status: DeliveryStatus,
    reason: String,
}

/// A delivery's state, as attributes of row 1.
#[derive(Serialize, Deserialize)]
pub(super) struct StateRow {
    status: DeliveryStatus,
    attempts: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_at: Option<u64>,
    updated_at: u64,
}

/// The attributes of row 1 that are projected into the index.
#[derive(Deserialize)]
pub(super) struct ListedRow {
    sk: String,
    destination_id: DestinationId,
    #[serde(default)]
    conversation_id: Option<ConversationId>,
    event: EventKind,
    trigger: Trigger,
    created_at: u64,
    #[serde(flatten)]
    state: StateRow,
    #[serde(default)]
    delivered_later_by: Option<String>,
    #[serde(default)]
    latencies: Vec<u64>,
}

/// The attribute, in row 1 of the delivery that an event left with, with the position of the latest one that a customer
/// asked for and that has arrived.
pub(super) const DELIVERED_LATER_BY: &str = "delivered_later_by";

/// The attribute, in row 1, with the latency of each attempt that has one, in milliseconds.
pub(super) const LATENCIES: &str = "latencies";

/// Prefix of the sort keys of all deliveries.
pub(super) const DELIVERY_PREFIX: &str = "dlv_";

/// The partition that holds all of a delivery's records; `None` for an id in an unknown format.
pub(super) fn delivery_partition(account: &AccountId, delivery: &DeliveryId) -> Option<String> {
    Some(event_partition(account, &delivery.event_id()?))
}

pub(super) fn event_partition(account: &AccountId, event: &EventId) -> String {
    partition(account, event)
}

fn sort_key(delivery: &DeliveryId, number: u8) -> String {
    format!("{delivery}#{number}")
}

pub(super) fn record_key(delivery: &Delivery, number: u8) -> Result<Item> {
    key_of(&delivery.account_id, &delivery.id, number)
        .ok_or_else(|| Unavailable::new("address a record", "its delivery's id has an unknown format"))
}

/// The key of row 1 of the delivery that the event of this one left with.
pub(super) fn original_key(delivery: &Delivery) -> Option<Item> {
    key_of(&delivery.account_id, &delivery.original_id()?, 1)
}

fn key_of(account: &AccountId, delivery: &DeliveryId, number: u8) -> Option<Item> {
    Some(key(delivery_partition(account, delivery)?, sort_key(delivery, number)))
}

impl RecordRow {
    fn new(delivery: &Delivery, record: &Record, expires_at: u64) -> Self {
        let mut row = Self {
            sk: sort_key(&delivery.id, record.number),
            destination_id: delivery.destination_id.clone(),
            conversation_id: delivery.conversation_id.clone(),
            event: delivery.event,
            trigger: delivery.trigger,
            created_at: delivery.created_at.as_millis(),
            at: record.at.as_millis(),
            owner: None,
            lease_until: None,
            attempt: None,
            closed: None,
            expires_at,
        };
        match record.entry.clone() {
            Entry::Inflight { owner, lease_until } => {
                row.owner = Some(owner);
                row.lease_until = Some(lease_until.as_millis());
            }
            Entry::Attempted(attempted) => row.attempt = Some(attempted.into()),
            Entry::Closed { status, reason } => row.closed = Some(ClosedMap { status, reason }),
        }
        row
    }

    /// The whole item, its key included.
    pub(super) fn item(delivery: &Delivery, record: &Record, expires_at: u64) -> Result<Item> {
        let mut item = to_item(&Self::new(delivery, record, expires_at))?;
        item.extend(record_key(delivery, record.number)?);
        Ok(item)
    }

    pub(super) fn parse(self, account: &AccountId) -> Result<(Delivery, Record)> {
        let (id, number) = parse_sort_key(&self.sk)?;
        let entry = match (self.attempt, self.closed, self.owner) {
            (Some(attempt), _, _) => Entry::Attempted(attempt.into()),
            (_, Some(ClosedMap { status, reason }), _) => Entry::Closed { status, reason },
            (_, _, Some(owner)) => {
                let lease_until = Timestamp::from_millis(self.lease_until.unwrap_or_default());
                Entry::Inflight { owner, lease_until }
            }
            (None, None, None) => {
                return Err(Unavailable::new("read a record", "it is not in flight, attempted or closed"));
            }
        };
        let delivery = Delivery {
            account_id: account.clone(),
            id,
            destination_id: self.destination_id,
            conversation_id: self.conversation_id,
            event: self.event,
            trigger: self.trigger,
            created_at: Timestamp::from_millis(self.created_at),
        };
        Ok((delivery, Record { number, at: Timestamp::from_millis(self.at), entry }))
    }
}

impl ListedRow {
    pub(super) fn parse(self, account: &AccountId) -> Result<Summary> {
        let (id, _) = parse_sort_key(&self.sk)?;
        let delivery = Delivery {
            account_id: account.clone(),
            id,
            destination_id: self.destination_id,
            conversation_id: self.conversation_id,
            event: self.event,
            trigger: self.trigger,
            created_at: Timestamp::from_millis(self.created_at),
        };
        let StateRow { status, attempts, outcome, http_status, error, next_at, updated_at } = self.state;
        let state = DeliveryState {
            status,
            attempts,
            outcome,
            http_status,
            error,
            next_at: next_at.map(Timestamp::from_millis),
            updated_at: Timestamp::from_millis(updated_at),
        };
        let later = self.delivered_later_by.and_then(|position| Position::parse(&position));
        let delivered_later_by = later.map(|later| later.delivery_id);
        let latencies = self.latencies.into_iter().map(Duration::from_millis).collect();
        Ok(Summary { delivery, state, delivered_later_by, latencies })
    }
}

fn parse_sort_key(sk: &str) -> Result<(DeliveryId, u8)> {
    sk.split_once('#')
        .and_then(|(id, number)| Some((DeliveryId::parse(id).ok()?, number.parse().ok()?)))
        .ok_or_else(|| Unavailable::new("read a record", "its sort key is malformed"))
}

impl From<Attempted> for AttemptMap {
    fn from(Attempted { outcome, next_at, trimmed, signature }: Attempted) -> Self {
        Self { outcome, next_at: next_at.map(Timestamp::as_millis), trimmed, signature }
    }
}

impl From<AttemptMap> for Attempted {
    fn from(AttemptMap { outcome, next_at, trimmed, signature }: AttemptMap) -> Self {
        Self { outcome, next_at: next_at.map(Timestamp::from_millis), trimmed, signature }
    }
}

impl StateRow {
    /// The attributes to set, and those to remove because they no longer apply.
    pub(super) fn into_update(self) -> Result<(Item, Vec<&'static str>)> {
        let set = to_item(&self)?;
        let unset = ["outcome", "http_status", "error", "next_at"]
            .into_iter()
            .filter(|name| !set.contains_key(*name));
        let unset = unset.collect();
        Ok((set, unset))
    }
}

impl From<DeliveryState> for StateRow {
    fn from(state: DeliveryState) -> Self {
        let DeliveryState { status, attempts, outcome, http_status, error, next_at, updated_at } = state;
        Self {
            status,
            attempts,
            outcome,
            http_status,
            error,
            next_at: next_at.map(Timestamp::as_millis),
            updated_at: updated_at.as_millis(),
        }
    }
}

/// The keys of the index by time.
#[derive(Serialize)]
pub(super) struct IndexKeys {
    shard: String,
    position: String,
}

impl IndexKeys {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let Delivery { account_id, id, destination_id, created_at, .. } = delivery;
        let number = last_digit(id.as_str()) % SHARDS;
        Self {
            shard: shard(account_id, destination_id.group(), number),
            position: Position { created_at: *created_at, delivery_id: id.clone() }.sort_key(),
        }
    }

    /// Of a delivery that was skipped. These have partitions of their own, so that they cost other searches nothing.
    pub(super) fn of_skipped(delivery: &Delivery) -> Self {
        let keys = Self::of(delivery);
        Self { shard: skipped(&keys.shard), ..keys }
    }

    pub(super) fn of_unwanted(event: &LifecycleEvent) -> Self {
        let (created_at, delivery_id) = (event.accepted_at, DeliveryId::before_all_of(&event.id));
        let number = last_digit(event.id.as_str()) % SHARDS;
        Self {
            shard: shard(&event.account_id, UNWANTED, number),
            position: Position { created_at, delivery_id }.sort_key(),
        }
    }
}

/// The partitions of the index that list the deliveries which a filter may match.
pub(super) fn shards_of(account: &AccountId, filter: &Filter) -> Vec<String> {
    let all = shards(account, filter.destination.as_ref());
    let of_skipped = all.iter().filter(|_| filter.takes(DeliveryStatus::Skipped)).map(|shard| skipped(shard));
    let of_skipped: Vec<_> = of_skipped.collect();
    let only_skipped = filter.statuses == [DeliveryStatus::Skipped];
    if only_skipped { of_skipped } else { [all, of_skipped].concat() }
}

/// The partitions of the index that list the deliveries of an account to a destination, or to all, without those that were
/// skipped.
fn shards(account: &AccountId, destination: Option<&DestinationId>) -> Vec<String> {
    let groups = destination.map_or(0..DestinationId::GROUPS, |destination| {
        let group = destination.group();
        group..group + 1
    });
    groups.flat_map(|group| (0..SHARDS).map(move |number| shard(account, group, number))).collect()
}

/// The partitions of the index that list the events that no destination of an account wanted.
pub(super) fn unwanted_shards(account: &AccountId) -> Vec<String> {
    (0..SHARDS).map(|number| shard(account, UNWANTED, number)).collect()
}

/// The partition for skipped deliveries beside one for others.
fn skipped(shard: &str) -> String {
    format!("{shard}.skipped")
}

fn shard(account: &AccountId, group: u8, number: u8) -> String {
    partition(account, format_args!("{group}.{number}"))
}
