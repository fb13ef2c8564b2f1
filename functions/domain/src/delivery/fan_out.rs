//! Fan-out: an event that has settled leaves, as one delivery for each destination that wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::conversation::store::Conversations;
use crate::delivery::deliver::Verdict;
use crate::delivery::ledger::{Claimed, LEASE_MARGIN, Ledger};
use crate::delivery::message::DeliveryQueue;
use crate::delivery::received::{Receipt, Visibility};
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::message::{EventMessage, EventQueue};
use crate::event::store::{EventEraser, Events, StoredEvent};
use crate::lifecycle::freeze::{Freeze, Frozen};
use crate::shared::catch_panic::catch_panic;
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, DeliveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// How long a list of destinations serves events that were accepted before it was read.
const RECENT: Duration = Duration::from_secs(1);

/// The destinations of accounts, and when they were read.
type Lists = HashMap<AccountId, (Timestamp, Arc<Vec<Destination>>)>;

/// Lets events leave: queues one delivery of each for each destination.
pub struct FanOut<C, E, Q, V, D, L> {
    freeze: Freeze<C, E>,
    stored: E,
    deliveries: Q,
    events: V,
    destinations: D,
    ledger: L,
    lists: Mutex<Lists>,
    clock: Arc<dyn Clock>,
}

/// A message as received.
pub struct ReceivedEvent<'a> {
    /// The message.
    pub message: &'a EventMessage,
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
    V: EventQueue + Visibility,
    D: Destinations,
    L: Ledger,
{
    /// Creates the step from its ports.
    pub fn new(
        conversations: C,
        stored: E,
        deliveries: Q,
        events: V,
        destinations: D,
        ledger: L,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let freeze = Freeze::new(conversations, stored.clone(), Arc::clone(&clock));
        Self { freeze, stored, deliveries, events, destinations, ledger, lists: Mutex::default(), clock }
    }

    /// Handles one message. What fails because of us waits as a copy; if none can be sent, the message comes back after
    /// the queue's own visibility timeout.
    pub async fn run(&self, received: ReceivedEvent<'_>) -> Verdict {
        match catch_panic(self.leave(&received)).await {
            Ok(verdict) => verdict,
            Err(error) => {
                let message = received.message;
                tracing::error!(
                    account_id = %message.account_id,
                    event_id = %message.event_id(),
                    error = %error,
                    cause = error.causes(),
                    "fan_out.failed"
                );
                match self.events.send(&message.after_failure()).await {
                    Ok(()) => Verdict::Done,
                    Err(_) => Verdict::Keep,
                }
            }
        }
    }

    async fn leave(&self, received: &ReceivedEvent<'_>) -> Result<Verdict> {
        match self.freeze.run(received.message, received.is_first).await? {
            Frozen::Event(event) => self.fan_out(&event).await.map(|()| Verdict::Done),
            Frozen::Nothing => Ok(Verdict::Done),
            Frozen::Later(until) => {
                self.events.postpone(received.receipt, until.since(self.clock.now())).await?;
                Ok(Verdict::Keep)
            }
        }
    }

    /// Delivery ids derive from event and destination, so repeating this creates no second delivery.
    async fn fan_out(&self, event: &LifecycleEvent) -> Result<()> {
        let (destinations, unreadable) = self.destinations(event).await?;
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
        let messages: Vec<_> = active.iter().map(|destination| delivery(event, destination).into()).collect();
        self.deliveries.send(&messages).await?;
        tracing::info!(
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
        let reason = "The destination was disabled when the event left.";
        let status = DeliveryStatus::Skipped;
        if self.ledger.close(delivery, 1, status, reason, self.clock.now()).await? == Claimed::Granted {
            tracing::info!(delivery_id = %delivery.id, status = status.as_ref(), reason, "delivery.skipped");
        }
        Ok(())
    }

    /// A deletion may have finished before what this has written.
    async fn forget_if_deleted(&self, event: &LifecycleEvent) -> Result<()> {
        if let StoredEvent::Forgotten { .. } = self.stored.load(&event.account_id, &event.id).await? {
            self.stored.forget_deliveries(&event.account_id, &event.id).await?;
        }
        Ok(())
    }

    /// The account's destinations, read after the event was accepted, and why another could not be read. One partition
    /// holds the destinations of an account, and a table answers so many reads of it: what was accepted a while ago, and waited or settled since, takes a list that is at
    /// most a second old.
    async fn destinations(
        &self,
        event: &LifecycleEvent,
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

    fn recent(&self, event: &LifecycleEvent, now: Timestamp) -> Option<Arc<Vec<Destination>>> {
        let mut lists = self.lists();
        lists.retain(|_, (read_at, _)| now.since(*read_at) < RECENT);
        let (read_at, list) = lists.get(&event.account_id)?;
        // Ingest's clock said when the event was accepted, and ours when the list was read.
        (event.accepted_at + LEASE_MARGIN < *read_at).then(|| Arc::clone(list))
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
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
