//! Sends events again: one delivery, or one event to its destinations.

use std::sync::Arc;

use serde::Deserialize;

use crate::conversation::store::ConversationLookup;
use crate::delivery::fan_out::delivery;
use crate::delivery::message::{DeliveryMessage, DeliveryQueue};
use crate::delivery::record::{Delivery, Trigger};
use crate::delivery::state::Summary;
use crate::delivery_log::search::DeliveryLog;
use crate::destination::record::Destination;
use crate::destination::retry::Retry;
use crate::destination::store::Destinations;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::store::EventVersions;
use crate::redelivery::candidates::{destinations, latest_at, of_event, waits_long};
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId, hex};
use crate::shared::randomness::Seed;
use crate::shared::unavailable::Result;

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
    /// From the conversation's record as it is now. A test event and a notice have only their original one.
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

/// An event that was sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentEvent {
    /// The conversation that ended.
    pub conversation_id: Option<ConversationId>,
    /// The deliveries that were queued.
    pub deliveries: Vec<Delivery>,
}

/// Why an event was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// The event does not exist or is no longer kept.
    NoEvent,
    /// The next attempt at the destination is soon.
    UnderWay,
    /// The destination cannot be sent to.
    Refused(NoDestination),
}

/// Returns a destination that can be sent to, or why it cannot.
pub async fn active(
    destinations: &impl Destinations,
    account: &AccountId,
    id: &DestinationId,
) -> Result<Result<Destination, NoDestination>> {
    Ok(match destinations.get(account, id).await? {
        None => Err(NoDestination::Missing),
        Some(destination) if !destination.is_active() => Err(NoDestination::Disabled),
        Some(destination) => Ok(destination),
    })
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
        let destination = match active(&self.destinations, account, &delivery.destination_id).await? {
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
        let Some(id) = &delivery.conversation_id else { return Ok(false) };
        let stored = self.conversations.load(&delivery.account_id, id).await?;
        let Some(conversation) = stored.kept() else { return Ok(false) };
        let Some(ended) = &conversation.ended else { return Ok(false) };
        let version = conversation.lifecycle_event(ended, self.clock.now());
        self.versions.put_version(&version, &delivery.id).await
    }

    /// Sends an event to one destination, or to all that want it, also to those that did not exist when it left. Leaves out
    /// those that get it soon. Each seed makes one new delivery for a destination, however often the call is repeated.
    pub async fn event(
        &self,
        account: &AccountId,
        id: &EventId,
        to: Option<&DestinationId>,
        seed: &Seed,
    ) -> Result<Result<SentEvent, NotSent>> {
        let Some(event) = self.log.event(account, id).await? else { return Ok(Err(NotSent::NoEvent)) };
        let destinations = match to {
            Some(to) => match active(&self.destinations, account, to).await? {
                Ok(destination) => vec![destination],
                Err(reason) => return Ok(Err(NotSent::Refused(reason))),
            },
            None => self.wanting(&event).await?,
        };
        let all = of_event(&self.log, account, id).await?;
        let now = self.clock.now();
        let is_test = all.iter().any(|one| one.delivery.trigger == Trigger::Test);
        let salt = hex(&seed.bytes::<16>("deliveries"));
        let comes_soon = |one: &Destination| {
            let latest = latest_at(&all, &one.id);
            latest.is_some_and(|Summary { delivery, state, .. }| {
                let is_ours =
                    delivery.original_id().and_then(|id| id.resend_id(&salt)) == Some(delivery.id.clone());
                !state.status.is_final() && !waits_long(state, now) && !is_ours
            })
        };
        let (soon, destinations): (Vec<_>, Vec<_>) = destinations.into_iter().partition(comes_soon);
        if to.is_some() && !soon.is_empty() {
            return Ok(Err(NotSent::UnderWay));
        }
        let message = |destination: &Destination| {
            let first = delivery(&event, destination);
            let trigger = if is_test { Trigger::Test } else { Trigger::Resend };
            let id = first.id.resend_id(&salt)?;
            let again = Delivery { id, trigger, created_at: now, ..first };
            let retry = if is_test { Retry::Standard } else { destination.retry };
            Some(DeliveryMessage::new(again, retry))
        };
        let messages: Vec<_> = destinations.iter().filter_map(message).collect();
        self.send(&messages).await?;
        let deliveries = messages.iter().map(DeliveryMessage::delivery).collect();
        Ok(Ok(SentEvent { conversation_id: event.conversation_id, deliveries }))
    }

    async fn wanting(&self, event: &LifecycleEvent) -> Result<Vec<Destination>> {
        let agent = event.agent_id();
        let all = destinations(&self.destinations, &event.account_id).await?;
        let wants = |one: &Destination| one.is_active() && one.wants(event.kind, agent.as_deref());
        Ok(all.into_iter().filter(wants).collect())
    }

    fn new_delivery(&self, delivery: &Delivery, payload: Payload, salt: &str) -> Option<Delivery> {
        let id = delivery.id.resend_id(salt)?;
        let trigger = match (delivery.trigger, payload) {
            (Trigger::Test, _) => Trigger::Test,
            (_, Payload::Original) => Trigger::Resend,
            (_, Payload::Latest) if delivery.event.is_notice() => Trigger::Resend,
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
