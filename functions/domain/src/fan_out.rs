//! One event becomes one delivery for each destination that wants it.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Delivery, DeliveryStatus, Trigger};
use crate::destination::Destination;
use crate::ids::DeliveryId;
use crate::ledger::Claimed;
use crate::messages::EventMessage;
use crate::ports::{Clock, DeliveryQueue, Destinations, Ledger, Result};

/// Sends an event's deliveries on their way.
pub struct FanOut<D, Q, L> {
    destinations: D,
    deliveries: Q,
    ledger: L,
    clock: Arc<dyn Clock>,
}

impl<D: Destinations, Q: DeliveryQueue, L: Ledger> FanOut<D, Q, L> {
    /// Over the destinations, the queue of deliveries and the ledger.
    pub fn new(destinations: D, deliveries: Q, ledger: L, clock: Arc<dyn Clock>) -> Self {
        Self { destinations, deliveries, ledger, clock }
    }

    /// Delivery ids follow from event and destination, so this can run any number of times.
    pub async fn run(&self, event: &EventMessage) -> Result<()> {
        let mut destinations = self.destinations.of_account(&event.account_id).await?;
        destinations.retain(|destination| destination.wants(event.event));
        let (active, disabled): (Vec<_>, Vec<_>) = destinations.iter().partition(|d| d.is_active());
        for destination in &disabled {
            let delivery = delivery(event, destination);
            let reason = "The destination was disabled when the event came.";
            let status = DeliveryStatus::Skipped;
            if self.ledger.close(&delivery, 1, status, reason, self.clock.now()).await? == Claimed::Granted {
                tracing::info!(delivery_id = %delivery.id, status = status.as_str(), reason, "delivery.skipped");
            }
        }
        let messages: Vec<_> = active.iter().map(|destination| delivery(event, destination).into()).collect();
        self.deliveries.send(&messages, Duration::ZERO).await?;
        tracing::info!(
            account_id = %event.account_id,
            event_id = %event.event_id,
            deliveries = active.len(),
            skipped = disabled.len(),
            "event.fanned_out"
        );
        Ok(())
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
    use crate::destination::DestinationStatus;
    use crate::event::EventKind;
    use crate::fakes::{ManualClock, MemoryDestinations, MemoryLedger, MemoryQueue, sample};

    #[tokio::test]
    async fn the_active_get_a_message_the_disabled_a_record_and_the_unwilling_nothing() {
        let destinations = MemoryDestinations::default();
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
        let (queue, ledger) = (MemoryQueue::default(), MemoryLedger::default());
        let clock = Arc::new(ManualClock::new(7));
        let fan_out = FanOut::new(destinations, queue.clone(), ledger.clone(), clock);
        for _ in 0..2 {
            fan_out.run(&sample::event_message()).await.unwrap();
        }
        let sent: Vec<_> =
            queue.sent().into_iter().map(|m: crate::messages::DeliveryMessage| m.delivery_id).collect();
        assert_eq!(sent[0], sent[1], "a second run makes the same delivery");
        assert_eq!(sent.len(), 2);
        let skipped = DeliveryId::of(&sample::event_message().event_id, &sample::destination("dst_off").id);
        assert_eq!(ledger.records_of(&skipped).len(), 1);
    }
}
