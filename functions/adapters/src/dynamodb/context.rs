//! Loads the events and destinations of a batch of deliveries, with one `BatchGetItem` over two tables.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use domain::delivery::context::{Context, Contexts};
use domain::delivery::deliver::TIME_TO_CLAIM;
use domain::delivery::message::DeliveryMessage;
use domain::delivery::record::Trigger;
use domain::event::store::StoredEvent;
use domain::shared::clock::Clock;
use domain::shared::unavailable::{Result, Unavailable};

use super::batch;
use super::destinations::{destination_key, parse_destination};
use super::events::{carried_key, event_key, parse_event};
use super::health::health_key;
use super::item::{Item, from_item};

/// The destinations and delivery-log tables, read together.
#[derive(Clone)]
pub struct ContextTables {
    client: Client,
    destinations: String,
    delivery_log: String,
    clock: Arc<dyn Clock>,
}

impl ContextTables {
    /// Wraps the tables with these names.
    #[must_use]
    pub fn new(client: Client, destinations: String, delivery_log: String, clock: Arc<dyn Clock>) -> Self {
        Self { client, destinations, delivery_log, clock }
    }

    /// Returns the rows that exist, and `None` for those that the tables had no capacity for.
    async fn read(&self, deliveries: &[&DeliveryMessage]) -> Result<HashMap<Key, Option<Item>>> {
        let wanted = HashMap::from([
            (
                self.destinations.clone(),
                keys(deliveries.iter().flat_map(|message| [destination_of(message), health_of(message)]))?,
            ),
            (
                self.delivery_log.clone(),
                keys(
                    deliveries.iter().flat_map(|message| [event_of(message), carried_by(message)]).flatten(),
                )?,
            ),
        ]);
        let (rows, left) = batch::get(&self.client, "read a batch", wanted, TIME_TO_CLAIM).await?;
        let left =
            left.into_values().flat_map(|left| left.keys).filter_map(|key| Some((key_of(&key)?, None)));
        let rows = rows.into_iter().filter_map(|row| Some((key_of(&row)?, Some(row))));
        Ok(left.chain(rows).collect())
    }

    fn context(&self, rows: &HashMap<Key, Option<Item>>, message: &DeliveryMessage) -> Result<Context> {
        let get = |key: &Item| match key_of(key).and_then(|key| rows.get(&key)) {
            Some(Some(row)) => Ok(Some(row.clone())),
            Some(None) => Err(Unavailable::new("read a batch", "the tables had no capacity for this row")),
            None => Ok(None),
        };
        let account = &message.account_id;
        let event = |key: Option<Item>| {
            let item = key.map_or(Ok(None), |key| get(&key))?;
            item.map_or(Ok(StoredEvent::Absent), |item| parse_event(item, account, self.clock.now()))
        };
        // The event's own row says whether it was deleted, whatever version of it the delivery carries.
        let event = match event(event_of(message))? {
            StoredEvent::Kept { .. } if message.trigger == Trigger::ResendLatest => {
                event(carried_by(message))?
            }
            own => own,
        };
        // Without the event there is nothing to send: a destination that cannot be read must not hold the end up.
        let (destination, health) = match event {
            StoredEvent::Kept { .. } => (get(&destination_of(message))?, get(&health_of(message))?),
            StoredEvent::Absent | StoredEvent::Forgotten { .. } => (None, None),
        };
        let destination = destination.map(|item| parse_destination(item, account)).transpose()?;
        // Health that a later version wrote holds up no delivery.
        Ok(Context { event, destination, health: health.and_then(|item| from_item(item).ok()) })
    }
}

fn event_of(message: &DeliveryMessage) -> Option<Item> {
    message.delivery_id.event_id().map(|event| event_key(&message.account_id, &event))
}

/// The key of the event as the delivery carries it.
fn carried_by(message: &DeliveryMessage) -> Option<Item> {
    carried_key(&message.account_id, &message.delivery_id, message.trigger)
}

fn destination_of(message: &DeliveryMessage) -> Item {
    destination_key(&message.account_id, &message.destination_id)
}

fn health_of(message: &DeliveryMessage) -> Item {
    health_key(&message.account_id, &message.destination_id)
}

/// Partition and sort key.
type Key = (String, String);

fn key_of(item: &Item) -> Option<Key> {
    let part = |name| item.get(name)?.as_s().ok().cloned();
    Some((part("pk")?, part("sk")?))
}

/// The keys for one table, without duplicates, as `BatchGetItem` requires.
fn keys(keys: impl Iterator<Item = Item>) -> Result<KeysAndAttributes> {
    let distinct: HashMap<_, _> = keys.filter_map(|key| Some((key_of(&key)?, key))).collect();
    // An event can be milliseconds old, and a destination that was just disabled must not be sent to.
    KeysAndAttributes::builder()
        .consistent_read(true)
        .set_keys(Some(distinct.into_values().collect::<Vec<HashMap<String, AttributeValue>>>()))
        .build()
        .map_err(|error| Unavailable::new("read a batch", error))
}

impl Contexts for ContextTables {
    async fn load(&self, deliveries: &[&DeliveryMessage]) -> Vec<Result<Context>> {
        match self.read(deliveries).await {
            Ok(rows) => deliveries.iter().map(|message| self.context(&rows, message)).collect(),
            Err(error) => deliveries.iter().map(|_| Err(error.repeat())).collect(),
        }
    }
}
