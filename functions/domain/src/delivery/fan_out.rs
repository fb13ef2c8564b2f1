//! Fan-out: one event becomes one delivery for each destination that wants it.

use std::sync::Arc;

use crate::delivery::context::Contexts;
use crate::delivery::ledger::{Claimed, Ledger};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue};
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::event::message::{EventMessage, EventQueue};
use crate::shared::catch_panic::catch_panic;
use crate::shared::clock::Clock;
use crate::shared::ids::DeliveryId;
use crate::shared::unavailable::Result;

/// Queues one delivery of an event for each destination.
pub struct FanOut<D, Q, E, L, C> {
    destinations: D,
    deliveries: Q,
    events: E,
    ledger: L,
    contexts: C,
    clock: Arc<dyn Clock>,
}

/// The result for an event. Either way its message can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FannedOut {
    /// Each destination has its delivery.
    Complete,
    /// Our infrastructure failed: a copy of the message waits in the queue.
    Deferred,
}

impl<D: Destinations, Q: DeliveryQueue, E: EventQueue, L: Ledger, C: Contexts> FanOut<D, Q, E, L, C> {
    /// Creates the step from its ports.
    pub fn new(
        destinations: D,
        deliveries: Q,
        events: E,
        ledger: L,
        contexts: C,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { destinations, deliveries, events, ledger, contexts, clock }
    }

    /// Fans one event out. An error means that a copy could not be sent either.
    pub async fn run(&self, event: &EventMessage) -> Result<FannedOut> {
        let Err(error) = catch_panic(self.fan_out(event)).await else { return Ok(FannedOut::Complete) };
        tracing::error!(
            account_id = %event.account_id,
            event_id = %event.event_id,
            error = %error,
            cause = error.causes(),
            "fan_out.failed"
        );
        self.events.send(&event.after_failure()).await?;
        Ok(FannedOut::Deferred)
    }

    /// Delivery ids derive from event and destination, so repeating this creates no second delivery.
    async fn fan_out(&self, event: &EventMessage) -> Result<()> {
        let mut unreadable = None;
        let mut destinations = Vec::new();
        for destination in self.destinations.of_account(&event.account_id).await? {
            match destination {
                Ok(destination) if destination.wants(event.event) => destinations.push(destination),
                Ok(_) => {}
                Err(error) => unreadable = Some(error),
            }
        }
        let (active, disabled): (Vec<_>, Vec<_>) = destinations.iter().partition(|d| d.is_active());
        if let Some(first) = disabled.first()
            && !self.event_exists(&delivery(event, first).into()).await?
        {
            tracing::info!(account_id = %event.account_id, event_id = %event.event_id, "event.forgotten");
            return Ok(());
        }
        for destination in &disabled {
            let delivery = delivery(event, destination);
            let reason = "The destination was disabled when the event arrived.";
            let status = DeliveryStatus::Skipped;
            if self.ledger.close(&delivery, 1, status, reason, self.clock.now()).await? == Claimed::Granted {
                tracing::info!(delivery_id = %delivery.id, status = status.as_ref(), reason, "delivery.skipped");
            }
        }
        let messages: Vec<_> = active.iter().map(|destination| delivery(event, destination).into()).collect();
        self.deliveries.send(&messages).await?;
        tracing::info!(
            account_id = %event.account_id,
            event_id = %event.event_id,
            deliveries = active.len(),
            skipped = disabled.len(),
            "event.fanned_out"
        );
        // The others have their messages; the event comes back until this destination has one, too.
        unreadable.map_or(Ok(()), Err)
    }

    /// Whether the event still exists: no record may be written for a deleted conversation. Only skipped deliveries
    /// need this check; [`Deliver`](crate::delivery::deliver::Deliver) makes its own.
    async fn event_exists(&self, delivery: &DeliveryMessage) -> Result<bool> {
        let context = self.contexts.load(&[delivery]).await.into_iter().next().transpose()?;
        Ok(context.is_some_and(|context| context.event.is_some()))
    }
}

fn delivery(event: &EventMessage, destination: &Destination) -> Delivery {
    Delivery {
        account_id: event.account_id.clone(),
        id: DeliveryId::of(&event.event_id, &destination.id),
        destination_id: destination.id.clone(),
        conversation_id: event.conversation_id.clone(),
        event: event.event,
        trigger: Trigger::Lifecycle,
        created_at: event.accepted_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::record::DestinationStatus;
    use crate::event::kind::EventKind;
    use crate::testing::fakes::{
        CapturedLog, ManualClock, MemoryDestinations, MemoryLedger, MemoryQueue, sample,
    };

    struct Scene {
        destinations: MemoryDestinations,
        queue: MemoryQueue<DeliveryMessage>,
        events: MemoryQueue<EventMessage>,
        ledger: MemoryLedger,
    }

    impl Scene {
        /// An enabled destination, a disabled one, and one that wants other events.
        fn set() -> Self {
            let destinations = MemoryDestinations::default();
            destinations.put_event(sample::event("{}"));
            for (id, status, events) in [
                ("dst_on", DestinationStatus::Enabled, vec![EventKind::Completed]),
                ("dst_off", DestinationStatus::Disabled, vec![EventKind::Completed]),
                ("dst_other", DestinationStatus::Enabled, vec![EventKind::Failed]),
            ] {
                let mut destination = sample::destination(id);
                destination.status = status;
                destination.events = events.try_into().unwrap();
                destinations.put(destination);
            }
            Self {
                destinations,
                queue: MemoryQueue::default(),
                events: MemoryQueue::default(),
                ledger: MemoryLedger::default(),
            }
        }

        async fn run(&self) -> FannedOut {
            let fan_out = FanOut::new(
                self.destinations.clone(),
                self.queue.clone(),
                self.events.clone(),
                self.ledger.clone(),
                self.destinations.clone(),
                Arc::new(ManualClock::new(7)),
            );
            fan_out.run(&sample::event_message()).await.unwrap()
        }

        fn skipped(&self) -> usize {
            let id = DeliveryId::of(&sample::event_message().event_id, &sample::destination("dst_off").id);
            self.ledger.records_of(&id).len()
        }
    }

    #[tokio::test]
    async fn the_active_get_a_message_the_disabled_a_record_and_the_unwilling_nothing() {
        let (scene, lines) = (Scene::set(), CapturedLog::start());
        for _ in 0..2 {
            assert_eq!(scene.run().await, FannedOut::Complete);
            assert_eq!(lines.of("delivery.skipped").len(), 1, "a second run skips nothing");
        }
        let sent: Vec<_> = scene.queue.sent().into_iter().map(|message| message.delivery_id).collect();
        assert_eq!(sent[0], sent[1], "a second run creates the same delivery");
        assert_eq!(sent.len(), 2);
        assert_eq!(scene.skipped(), 1);
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_fanned_out_now_waits_longer_each_time() {
        let scene = Scene::set();
        scene.queue.fail_next();
        assert_eq!(scene.run().await, FannedOut::Deferred);
        assert_eq!(scene.events.sent(), [sample::event_message().after_failure()]);
    }

    #[tokio::test]
    async fn of_an_event_that_was_forgotten_nothing_is_recorded() {
        let scene = Scene::set();
        scene.destinations.remove_event(&sample::event_message().event_id);
        scene.run().await;
        assert_eq!(scene.skipped(), 0);
    }
}
