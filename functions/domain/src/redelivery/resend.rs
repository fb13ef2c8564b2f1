//! Sends events again: one delivery, or every delivery that ended without success.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;

use crate::conversation::store::ConversationLookup;
use crate::delivery::message::{DeliveryMessage, DeliveryQueue};
use crate::delivery::record::{Delivery, Trigger};
use crate::delivery::state::{DeliveryState, Summary};
use crate::delivery_log::position::Position;
use crate::delivery_log::search::{DeliveryLog, Filter, Search};
use crate::destination::record::Destination;
use crate::destination::retry::Retry;
use crate::destination::store::Destinations;
use crate::event::store::EventVersions;
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, DeliveryId, DestinationId, hex};
use crate::shared::randomness::Seed;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// Deliveries that one recovery call examines. A larger recovery continues with the next call.
const PAGE: usize = 500;

/// Events whose deliveries are examined concurrently.
const CONCURRENCY: usize = 16;

/// The most deliveries of one event to one destination: the first, and those that customers have requested since.
const MAX_OF_EVENT: usize = 1_000;

/// The wait for a retry from which on a customer may send the event again meanwhile: longer than any of a standard delivery.
const LONG_WAIT: Duration = Duration::from_secs(30);

/// Creates further deliveries of earlier events.
pub struct Resend<L, D, C, V, Q> {
    log: L,
    destinations: D,
    conversations: C,
    versions: V,
    deliveries: Q,
    clock: Arc<dyn Clock>,
}

/// The payload of an event that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// As it was when the event left.
    #[default]
    Original,
    /// From the conversation's record as it is now. A test event has only its original one.
    Latest,
}

/// The result of a request to send one delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// A new delivery of the same event was queued.
    Sent(Box<Delivery>),
    /// The delivery does not exist.
    NoDelivery,
    /// The delivery's own next attempt is soon.
    UnderWay,
    /// The event is no longer kept.
    NoEvent,
    /// The conversation's record, of which the latest payload is made, is no longer kept.
    NoRecord,
    /// The destination cannot be sent to.
    Refused(NoDestination),
}

/// Why nothing can be sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDestination {
    /// It was deleted or never existed.
    Missing,
    /// It is disabled.
    Disabled,
}

/// The result of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The number of deliveries that were sent again, or would be.
    pub deliveries: usize,
    /// Where the next recovery call continues; `None` when nothing is left.
    pub next: Option<Position>,
}

impl<L, D, C, V, Q> Resend<L, D, C, V, Q>
where
    L: DeliveryLog,
    D: Destinations,
    C: ConversationLookup,
    V: EventVersions,
    Q: DeliveryQueue,
{
    /// Creates the use case from its ports.
    pub fn new(
        log: L,
        destinations: D,
        conversations: C,
        versions: V,
        deliveries: Q,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { log, destinations, conversations, versions, deliveries, clock }
    }

    /// Returns a destination that can be sent to, or why it cannot.
    pub async fn active(
        &self,
        account: &AccountId,
        id: &DestinationId,
    ) -> Result<Result<Destination, NoDestination>> {
        Ok(match self.destinations.get(account, id).await? {
            None => Err(NoDestination::Missing),
            Some(destination) if !destination.is_active() => Err(NoDestination::Disabled),
            Some(destination) => Ok(destination),
        })
    }

    /// Sends one delivery's event again. Each seed makes one new delivery, however often the call is repeated.
    pub async fn one(
        &self,
        account: &AccountId,
        id: &DeliveryId,
        payload: Payload,
        seed: &Seed,
    ) -> Result<Resent> {
        let Some((Summary { delivery, state, .. }, _)) = self.log.history(account, id).await? else {
            return Ok(Resent::NoDelivery);
        };
        let new = self.new_delivery(&delivery, payload, &hex(&seed.bytes::<16>("delivery")));
        let (Some(event_id), Some(new)) = (id.event_id(), new) else {
            return Ok(Resent::NoDelivery);
        };
        if let Some((Summary { delivery: sent, .. }, _)) = self.log.history(account, &new.id).await? {
            return Ok(Resent::Sent(Box::new(sent)));
        }
        if !state.status.is_final() && !waits_long(&state, self.clock.now()) {
            return Ok(Resent::UnderWay);
        }
        let destination = match self.active(account, &delivery.destination_id).await? {
            Ok(destination) => destination,
            Err(reason) => return Ok(Resent::Refused(reason)),
        };
        if self.log.event(account, &event_id).await?.is_none() {
            return Ok(Resent::NoEvent);
        }
        if new.trigger == Trigger::ResendLatest && !self.store_latest(&new).await? {
            return Ok(Resent::NoRecord);
        }
        // A test is retried as tests are, and everything else as its destination says now.
        let retry = if new.trigger == Trigger::Test { Retry::Standard } else { destination.retry };
        self.send(&[DeliveryMessage::new(new.clone(), retry)]).await?;
        Ok(Resent::Sent(Box::new(new)))
    }

    /// Stores the event with the payload that the conversation's record now has, which all attempts of the delivery
    /// carry. False if there is no record.
    async fn store_latest(&self, delivery: &Delivery) -> Result<bool> {
        let stored = self.conversations.load(&delivery.account_id, &delivery.conversation_id).await?;
        let Some(conversation) = stored.kept() else { return Ok(false) };
        let Some(ended) = &conversation.ended else { return Ok(false) };
        let version = conversation.lifecycle_event(ended, self.clock.now());
        self.versions.put_version(&version, &delivery.id).await
    }

    /// Resends every delivery that matches the filter and ended without success or waits long for a retry, unless its event was sent to the same
    /// destination since. Repeating the call creates no second delivery. The new ones are retried as `retry` says.
    pub async fn all(
        &self,
        account: &AccountId,
        filter: Filter,
        after: Option<Position>,
        retry: Retry,
        dry_run: bool,
    ) -> Result<Recovered> {
        let page = self.log.search(account, &Search { filter, after, limit: PAGE }).await?;
        let now = self.clock.now();
        let failed = page.deliveries.into_iter().filter(|summary| is_recoverable(summary, now));
        let failed: Vec<_> = failed.map(|summary| summary.delivery).collect();
        let checked: Vec<_> = stream::iter(failed)
            .map(|delivery| async move {
                Ok::<_, Unavailable>((self.is_latest(account, &delivery).await?, delivery))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let messages: Vec<DeliveryMessage> = checked
            .iter()
            .filter(|(is_latest, _)| *is_latest)
            .filter_map(|(_, delivery)| self.new_delivery(delivery, Payload::Original, "recover"))
            .map(|delivery| DeliveryMessage::new(delivery, retry))
            .collect();
        if !dry_run {
            self.send(&messages).await?;
        }
        Ok(Recovered { deliveries: messages.len(), next: page.next })
    }

    /// Whether no later delivery has the same event and destination. Searches by conversation: only this also finds a
    /// delivery whose first attempt is in progress.
    async fn is_latest(&self, account: &AccountId, delivery: &Delivery) -> Result<bool> {
        let filter = Filter {
            conversation: Some(delivery.conversation_id.clone()),
            destination: Some(delivery.destination_id.clone()),
            ..Filter::default()
        };
        let of_event = self.log.search(account, &Search { filter, after: None, limit: MAX_OF_EVENT }).await?;
        let latest =
            of_event.deliveries.iter().map(|summary| &summary.delivery).max_by_key(|other| recency(other));
        Ok(latest.is_none_or(|latest| latest.id == delivery.id))
    }

    fn new_delivery(&self, delivery: &Delivery, payload: Payload, salt: &str) -> Option<Delivery> {
        let id = delivery.id.resend_id(salt)?;
        let trigger = match (delivery.trigger, payload) {
            (Trigger::Test, _) => Trigger::Test,
            (_, Payload::Original) => Trigger::Resend,
            (_, Payload::Latest) => Trigger::ResendLatest,
        };
        Some(Delivery { id, trigger, created_at: self.clock.now(), ..delivery.clone() })
    }

    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        self.deliveries.send(messages).await?;
        for message in messages {
            tracing::info!(
                account_id = %message.account_id,
                delivery_id = %message.delivery_id,
                destination_id = %message.destination_id,
                "delivery.resent"
            );
        }
        Ok(())
    }
}

/// Whether a recovery may send the delivery again. Tests are excluded.
fn is_recoverable(summary: &Summary, now: Timestamp) -> bool {
    (summary.has_failed() || waits_long(&summary.state, now)) && summary.delivery.trigger != Trigger::Test
}

/// Whether the next attempt is so far ahead that a customer need not wait for it. The delivery goes on besides the new one.
fn waits_long(state: &DeliveryState, now: Timestamp) -> bool {
    state.next_at.is_some_and(|at| at.since(now) > LONG_WAIT)
}

/// Orders deliveries by creation. A resend is newer than the delivery it repeats, even within one millisecond.
fn recency(delivery: &Delivery) -> (Timestamp, bool) {
    (delivery.created_at, delivery.trigger != Trigger::Lifecycle)
}
