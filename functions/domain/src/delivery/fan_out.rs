//! Fan-out: an event that has settled leaves, as one delivery for each destination that wants it.

mod lists;
mod notice;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use self::lists::{Batch, List, Lists};
use crate::conversation::store::Conversations;
use crate::delivery::deliver::Verdict;
use crate::delivery::ledger::{Claimed, Ledger};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue, Message};
use crate::delivery::received::{Receipt, Visibility};
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::destination::record::Destination;
use crate::destination::store::{Destinations, HealthStore};
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::message::{EventMessage, EventQueue, NoticeQueue};
use crate::event::store::{EventEraser, Events, StoredEvent};
use crate::lifecycle::freeze::{Freeze, Frozen};
use crate::shared::catch_panic::catch_panic;
use crate::shared::clock::Clock;
use crate::shared::ids::DeliveryId;
use crate::shared::unavailable::Result;

/// Lets events leave: queues one delivery of each for each destination.
pub struct FanOut<C, E, Q, V, D, L> {
    freeze: Freeze<C, E>,
    stored: E,
    deliveries: Q,
    events: V,
    destinations: D,
    ledger: L,
    lists: Lists,
    retention: Duration,
    clock: Arc<dyn Clock>,
}

/// A message as received.
pub struct ReceivedEvent<'a> {
    /// The message. One that does not belong in this queue fails.
    pub message: &'a Message,
    /// The queue's handle of this receive.
    pub receipt: &'a Receipt,
    /// Whether the queue says that this is the first receive.
    pub is_first: bool,
}

impl<C, E, Q, V, D, L> FanOut<C, E, Q, V, D, L>
where
    C: Conversations,
    E: Events + EventEraser + Clone,
    Q: DeliveryQueue,
    V: EventQueue + NoticeQueue + Visibility,
    D: Destinations + HealthStore,
    L: Ledger,
{
    /// Creates the step from its ports. Notices are kept for the retention.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the step that a test replaces")]
    pub fn new(
        conversations: C,
        stored: E,
        deliveries: Q,
        events: V,
        destinations: D,
        ledger: L,
        retention: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let freeze = Freeze::new(conversations, stored.clone(), Arc::clone(&clock));
        let lists = Lists::default();
        Self { freeze, stored, deliveries, events, destinations, ledger, lists, retention, clock }
    }

    /// Handles a batch; one verdict for each message.
    pub async fn run(&self, batch: &[ReceivedEvent<'_>]) -> Vec<Verdict> {
        let number = self.lists.batch();
        join_all(batch.iter().map(|received| self.one(received, number))).await
    }

    /// Handles one message. What fails because of us waits as a copy; if none can be sent, the message comes back after
    /// the queue's own visibility timeout.
    async fn one(&self, received: &ReceivedEvent<'_>, batch: Batch) -> Verdict {
        let left = match received.message {
            Message::Event(message) => catch_panic(self.leave(message, received, batch)).await,
            Message::Notice(message) => catch_panic(self.notify(message, batch)).await,
            Message::Delivery(_) | Message::Recovery(_) => return Verdict::Keep,
        };
        let error = match left {
            Ok(verdict) => return verdict,
            Err(error) => error,
        };
        let (account_id, event_id, sent) = match received.message {
            Message::Event(message) => {
                (&message.account_id, message.event_id(), self.events.send(&message.after_failure()).await)
            }
            Message::Notice(message) => {
                let sent = self.events.send_notice(&message.after_failure()).await;
                (&message.account_id, message.event_id(), sent)
            }
            Message::Delivery(_) | Message::Recovery(_) => return Verdict::Keep,
        };
        tracing::error!(%account_id, %event_id, %error, cause = error.causes(), "fan_out.failed");
        if sent.is_ok() { Verdict::Done } else { Verdict::Keep }
    }

    async fn leave(
        &self,
        message: &EventMessage,
        received: &ReceivedEvent<'_>,
        batch: Batch,
    ) -> Result<Verdict> {
        match self.freeze.run(message, received.is_first).await? {
            Frozen::Event(event) => self.fan_out(&event, batch).await.map(|()| Verdict::Done),
            Frozen::Nothing => Ok(Verdict::Done),
            Frozen::Later(until) => {
                self.events.postpone(received.receipt, until.since(self.clock.now())).await?;
                Ok(Verdict::Keep)
            }
        }
    }

    /// Delivery ids derive from event and destination, so repeating this creates no second delivery.
    async fn fan_out(&self, event: &LifecycleEvent, batch: Batch) -> Result<()> {
        let now = self.clock.now();
        let List { destinations, unreadable } =
            self.lists.read(&self.destinations, &event.account_id, event.accepted_at, (batch, now)).await?;
        let agent = event.agent_id();
        let wanting =
            destinations.iter().filter(|destination| destination.wants(event.kind, agent.as_deref()));
        let (active, disabled): (Vec<_>, Vec<_>) = wanting.partition(|destination| destination.is_active());
        for destination in &disabled {
            self.skip(&delivery(event, destination)).await?;
        }
        let is_unwanted = active.is_empty() && disabled.is_empty() && unreadable.is_none();
        if is_unwanted {
            self.stored.list_unwanted(event).await?;
        }
        if is_unwanted || !disabled.is_empty() {
            self.forget_if_deleted(event).await?;
        }
        let message = |destination: &&Destination| {
            DeliveryMessage::new(delivery(event, destination), destination.retry)
        };
        let messages: Vec<_> = active.iter().map(message).collect();
        self.deliveries.send(&messages).await?;
        tracing::debug!(
            account_id = %event.account_id,
            event_id = %event.id,
            deliveries = active.len(),
            skipped = disabled.len(),
            "event.fanned_out"
        );
        // The others have their messages; the event comes back until this destination has one, too.
        unreadable.map_or(Ok(()), Err)
    }

    async fn skip(&self, delivery: &Delivery) -> Result<()> {
        let reason = "The destination was disabled, or its account suspended, when the event left.";
        let status = DeliveryStatus::Skipped;
        if self.ledger.close(delivery, 1, status, reason, self.clock.now()).await? == Claimed::Granted {
            tracing::info!(delivery_id = %delivery.id, status = status.as_ref(), reason, "delivery.skipped");
        }
        Ok(())
    }

    /// A deletion may have finished before these rows were written; if so, deletes them.
    async fn forget_if_deleted(&self, event: &LifecycleEvent) -> Result<()> {
        if let StoredEvent::Forgotten { .. } = self.stored.load(&event.account_id, &event.id).await? {
            self.stored.forget_deliveries(&event.account_id, &event.id).await?;
        }
        Ok(())
    }
}

/// The delivery of an event to a destination: what it says is the event's, and not of the message that created it.
#[must_use]
pub fn delivery(event: &LifecycleEvent, destination: &Destination) -> Delivery {
    Delivery {
        account_id: event.account_id.clone(),
        id: DeliveryId::of(&event.id, &destination.id),
        destination_id: destination.id.clone(),
        conversation_id: event.conversation_id.clone(),
        event: event.kind,
        trigger: Trigger::Lifecycle,
        created_at: event.accepted_at,
    }
}

#[cfg(test)]
mod tests;
