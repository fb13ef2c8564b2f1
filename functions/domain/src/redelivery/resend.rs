//! A customer wants an event sent again: one delivery, or everything that ended without success.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::delivery::message::DeliveryMessage;
use crate::delivery::message::DeliveryQueue;
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::delivery::state::Summary;
use crate::delivery_log::search::DeliveryLog;
use crate::delivery_log::search::{Filter, Position, Search};
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, DeliveryId, DestinationId, hex};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// Deliveries that one recovery looks at. A larger one goes on where it stopped.
const PAGE: usize = 500;

/// Events whose deliveries are looked at at the same time.
const AT_ONCE: usize = 16;

/// Deliveries of one event to one destination: a first one, and as many as customers have asked for since.
const MAX_OF_EVENT: usize = 1_000;

/// Makes deliveries of events that were delivered before, or were not.
pub struct Resend<L, D, Q> {
    log: L,
    destinations: D,
    deliveries: Q,
    clock: Arc<dyn Clock>,
}

/// What a wish to send one delivery again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// A new delivery of the same event is on its way.
    Sent(Box<Delivery>),
    /// There is no such delivery.
    NoDelivery,
    /// It has not ended: it will be sent again anyhow.
    UnderWay,
    /// The event is no longer kept.
    NoEvent,
    /// The destination takes nothing.
    Refused(NoDestination),
}

/// Why nothing can be sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDestination {
    /// It was deleted, or never was.
    Missing,
    /// It is disabled.
    Disabled,
}

/// What a recovery came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Deliveries that were sent again, or would be.
    pub deliveries: usize,
    /// Where the next recovery has to go on; `None` when nothing is left.
    pub next: Option<Position>,
}

impl<L: DeliveryLog, D: Destinations, Q: DeliveryQueue> Resend<L, D, Q> {
    /// Over the Delivery Logs, the destinations and the queue of deliveries.
    pub fn new(log: L, destinations: D, deliveries: Q, clock: Arc<dyn Clock>) -> Self {
        Self { log, destinations, deliveries, clock }
    }

    /// A destination that takes deliveries.
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

    /// Sends one delivery's event again. Each wish makes a delivery of its own, by this chance.
    pub async fn one(&self, account: &AccountId, id: &DeliveryId, randomness: [u8; 16]) -> Result<Resent> {
        let Some((Summary { delivery, state }, _)) = self.log.history(account, id).await? else {
            return Ok(Resent::NoDelivery);
        };
        if !state.status.is_final() {
            return Ok(Resent::UnderWay);
        }
        if let Err(reason) = self.active(account, &delivery.destination_id).await? {
            return Ok(Resent::Refused(reason));
        }
        let (Some(event_id), Some(new)) = (id.event_id(), self.again(&delivery, &hex(&randomness))) else {
            return Ok(Resent::NoDelivery);
        };
        if self.log.event(account, &event_id).await?.is_none() {
            return Ok(Resent::NoEvent);
        }
        self.send(&[new.clone().into()]).await?;
        Ok(Resent::Sent(Box::new(new)))
    }

    /// Sends everything again that fits the filter and ended without success, if nothing of the same event was sent to its
    /// destination since. Running it again makes no second delivery.
    pub async fn all(
        &self,
        account: &AccountId,
        filter: Filter,
        after: Option<Position>,
        dry_run: bool,
    ) -> Result<Recovered> {
        let page = self.log.search(account, &Search { filter, after, limit: PAGE }).await?;
        let failed: Vec<_> =
            page.deliveries.into_iter().filter(is_failure).map(|summary| summary.delivery).collect();
        let judged: Vec<_> = stream::iter(failed)
            .map(|delivery| async move {
                Ok::<_, Unavailable>((self.is_latest(account, &delivery).await?, delivery))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let messages: Vec<DeliveryMessage> = judged
            .iter()
            .filter(|(is_latest, _)| *is_latest)
            .filter_map(|(_, delivery)| self.again(delivery, "recover"))
            .map(Into::into)
            .collect();
        if !dry_run {
            self.send(&messages).await?;
        }
        Ok(Recovered { deliveries: messages.len(), next: page.next })
    }

    /// Whether nothing of the same event was sent to the destination after this delivery. Asks for the event's own
    /// records, which show what the lists do not yet: a first attempt that is under way.
    async fn is_latest(&self, account: &AccountId, delivery: &Delivery) -> Result<bool> {
        let filter = Filter {
            conversation: Some(delivery.conversation_id.clone()),
            destination: Some(delivery.destination_id.clone()),
            ..Filter::default()
        };
        let of_event = self.log.search(account, &Search { filter, after: None, limit: MAX_OF_EVENT }).await?;
        let latest =
            of_event.deliveries.iter().map(|summary| &summary.delivery).max_by_key(|other| age(other));
        Ok(latest.is_none_or(|latest| latest.id == delivery.id))
    }

    fn again(&self, delivery: &Delivery, salt: &str) -> Option<Delivery> {
        let id = delivery.id.resend_id(salt)?;
        let trigger = if delivery.trigger == Trigger::Test { Trigger::Test } else { Trigger::Resend };
        Some(Delivery { id, trigger, created_at: self.clock.now(), ..delivery.clone() })
    }

    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        self.deliveries.send(messages, Duration::ZERO).await?;
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

/// Whether a delivery is one to recover. A test is none.
fn is_failure(Summary { delivery, state }: &Summary) -> bool {
    let failed = state.status.is_final() && state.status != DeliveryStatus::Delivered;
    failed && delivery.trigger != Trigger::Test
}

/// What was sent again is younger than what it repeats, also within one millisecond.
fn age(delivery: &Delivery) -> (Timestamp, bool) {
    (delivery.created_at, delivery.trigger != Trigger::Lifecycle)
}
