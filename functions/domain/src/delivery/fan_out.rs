//! Fan-out: one event becomes one delivery for each destination that wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::context::Contexts;
use crate::delivery::ledger::{Claimed, LEASE_MARGIN, Ledger};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue};
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::event::message::{EventMessage, EventQueue};
use crate::shared::catch_panic::catch_panic;
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, DeliveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// How long a list of destinations serves events that were accepted before it was read.
const RECENT: Duration = Duration::from_secs(1);

/// The destinations of accounts, and when they were read.
type Lists = HashMap<AccountId, (Timestamp, Arc<Vec<Destination>>)>;

/// Queues one delivery of an event for each destination.
pub struct FanOut<D, Q, E, L, C> {
    destinations: D,
    deliveries: Q,
    events: E,
    ledger: L,
    contexts: C,
    clock: Arc<dyn Clock>,
    lists: Mutex<Lists>,
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
        Self { destinations, deliveries, events, ledger, contexts, clock, lists: Mutex::default() }
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
        let (destinations, unreadable) = self.destinations(event).await?;
        let wanting = destinations.iter().filter(|destination| destination.wants(event.event));
        let (active, disabled): (Vec<_>, Vec<_>) = wanting.partition(|destination| destination.is_active());
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

    /// The account's destinations, read after the event was accepted, and why another could not be read. One partition
    /// holds the destinations of an account, and a table answers so many reads of it: a backlog reads it once a second.
    async fn destinations(
        &self,
        event: &EventMessage,
    ) -> Result<(Arc<Vec<Destination>>, Option<Unavailable>)> {
        let read_at = self.clock.now();
        if let Some(list) = self.recent(event, read_at) {
            return Ok((list, None));
        }
        let (mut list, mut unreadable) = (Vec::new(), None);
        for destination in self.destinations.of_account(&event.account_id).await? {
            match destination {
                Ok(destination) => list.push(destination),
                Err(error) => unreadable = Some(error),
            }
        }
        let list = Arc::new(list);
        if unreadable.is_none() {
            self.lists().insert(event.account_id.clone(), (read_at, Arc::clone(&list)));
        }
        Ok((list, unreadable))
    }

    fn recent(&self, event: &EventMessage, now: Timestamp) -> Option<Arc<Vec<Destination>>> {
        let mut lists = self.lists();
        lists.retain(|_, (read_at, _)| now.since(*read_at) < RECENT);
        let (read_at, list) = lists.get(&event.account_id)?;
        // Ingest's clock said when the event was accepted, and ours when the list was read.
        (event.accepted_at + LEASE_MARGIN < *read_at).then(|| Arc::clone(list))
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
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

        fn fan_out(
            &self,
            clock: &ManualClock,
        ) -> FanOut<
            MemoryDestinations,
            MemoryQueue<DeliveryMessage>,
            MemoryQueue<EventMessage>,
            MemoryLedger,
            MemoryDestinations,
        > {
            FanOut::new(
                self.destinations.clone(),
                self.queue.clone(),
                self.events.clone(),
                self.ledger.clone(),
                self.destinations.clone(),
                Arc::new(clock.clone()),
            )
        }

        async fn run(&self) -> FannedOut {
            self.fan_out(&ManualClock::new(7)).run(&sample::event_message()).await.unwrap()
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

    /// What a customer adds before an event is accepted gets it, at once.
    #[tokio::test]
    async fn a_list_serves_for_a_second_those_events_that_waited_since_before_it_was_read() {
        let scene = Scene::set();
        let clock = ManualClock::new(sample::event_message().accepted_at.as_millis());
        let fan_out = scene.fan_out(&clock);
        let deliveries = async |added: &str, seconds| {
            clock.advance(Duration::from_secs(seconds));
            scene.destinations.put(sample::destination(added));
            let before = scene.queue.sent().len();
            fan_out.run(&sample::event_message()).await.unwrap();
            scene.queue.sent().len() - before
        };
        assert_eq!(deliveries("dst_a", 0).await, 2);
        assert_eq!(deliveries("dst_b", 0).await, 3, "just accepted");
        assert_eq!(deliveries("dst_c", 4).await, 4);
        assert_eq!(deliveries("dst_d", 0).await, 4, "it has waited");
        assert_eq!(deliveries("dst_e", 1).await, 6);
    }

    #[tokio::test]
    async fn of_an_event_that_was_forgotten_nothing_is_recorded() {
        let scene = Scene::set();
        scene.destinations.remove_event(&sample::event_message().event_id);
        scene.run().await;
        assert_eq!(scene.skipped(), 0);
    }
}
