//! Dead letters: messages whose receives were used up by crashes or throttling. The ledger, not the receive count, says
//! whether they are done.

use std::sync::Arc;

use crate::delivery::ledger::{Ledger, Step, next_step};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue, Message, RecoveryQueue};
use crate::delivery::monitor::end_of;
use crate::event::message::{EventQueue, NoticeQueue};
use crate::shared::clock::Clock;
use crate::shared::unavailable::Result;

/// Returns unfinished dead letters to their queue and discards the others.
pub struct Reconcile<L, D, E> {
    ledger: L,
    deliveries: D,
    events: E,
    clock: Arc<dyn Clock>,
}

/// The result for a dead letter. Either way the letter can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconciled {
    /// The delivery has ended: nothing is left to do.
    Finished,
    /// Throttling or crashes used up the receives: the message went back to its queue.
    Returned,
}

impl<L: Ledger, D: DeliveryQueue, E: EventQueue + NoticeQueue + RecoveryQueue> Reconcile<L, D, E> {
    /// Creates the step from the ledger and the queues that letters return to.
    pub fn new(ledger: L, deliveries: D, events: E, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, deliveries, events, clock }
    }

    /// Reconciles one letter with the ledger. The letter may be deleted only after this has succeeded.
    pub async fn run(&self, letter: &Message) -> Result<Reconciled> {
        let reconciled = match letter {
            // Fan-out can run any number of times, so an event that did not complete it starts over.
            Message::Event(event) => {
                self.events.send(&event.after_failure()).await?;
                Reconciled::Returned
            }
            Message::Notice(notice) => {
                self.events.send_notice(&notice.after_failure()).await?;
                Reconciled::Returned
            }
            Message::Delivery(delivery) => self.reconcile_delivery(delivery).await?,
            // A step that was taken is not taken again.
            Message::Recovery(step) => {
                self.events.send_step(&step.after_failure()).await?;
                Reconciled::Returned
            }
        };
        let (kind, id) = match letter {
            Message::Event(event) => ("event", event.event_id().to_string()),
            Message::Notice(notice) => ("notice", notice.event_id().to_string()),
            Message::Delivery(delivery) => ("delivery", delivery.delivery_id.to_string()),
            Message::Recovery(step) => ("recovery", step.recovery_id.to_string()),
        };
        tracing::info!(kind, id, reconciled = ?reconciled, "dead_letter.reconciled");
        Ok(reconciled)
    }

    /// If the ledger cannot be read now, the delivery goes back like any that has not ended.
    async fn reconcile_delivery(&self, message: &DeliveryMessage) -> Result<Reconciled> {
        let records = self.ledger.records(&message.account_id, &message.delivery_id).await;
        // One that ended with an attempt goes back once more: the destination's health may not know of it.
        if let Ok(records) = records
            && next_step(&records, None, self.clock.now()) == Step::Acknowledge
            && end_of(&message.delivery(), message.retry, &records).is_none()
        {
            return Ok(Reconciled::Finished);
        }
        self.deliveries.send(&[message.after_failure()]).await?;
        Ok(Reconciled::Returned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::record::DeliveryStatus;
    use crate::testing::fakes::{ManualClock, MemoryLedger, MemoryQueue, sample};

    #[tokio::test]
    async fn a_stranded_delivery_goes_back_and_waits() {
        let (ledger, deliveries) = (MemoryLedger::default(), MemoryQueue::default());
        let clock = Arc::new(ManualClock::new(7));
        let reconcile =
            Reconcile::new(ledger.clone(), deliveries.clone(), MemoryQueue::default(), clock.clone());
        let letter = Message::Delivery(sample::delivery_message());
        assert_eq!(reconcile.run(&letter).await.unwrap(), Reconciled::Returned);
        assert_eq!(deliveries.sent(), [sample::delivery_message().after_failure()]);
        ledger.fail_reads();
        assert_eq!(
            reconcile.run(&letter).await.unwrap(),
            Reconciled::Returned,
            "whether it has ended is unknown"
        );
        assert_eq!(deliveries.sent().len(), 2);
    }

    #[tokio::test]
    async fn a_delivery_that_has_ended_is_discarded() {
        let (ledger, deliveries) = (MemoryLedger::default(), MemoryQueue::default());
        let clock = Arc::new(ManualClock::new(7));
        let reconcile =
            Reconcile::new(ledger.clone(), deliveries.clone(), MemoryQueue::default(), clock.clone());
        let letter = Message::Delivery(sample::delivery_message());
        ledger.close(&sample::delivery(), 1, DeliveryStatus::Cancelled, "", clock.now()).await.unwrap();
        assert_eq!(reconcile.run(&letter).await.unwrap(), Reconciled::Finished);
        assert!(deliveries.sent().is_empty());
    }

    #[tokio::test]
    async fn an_event_that_never_fanned_out_starts_over() {
        let events = MemoryQueue::default();
        let clock = Arc::new(ManualClock::new(7));
        let reconcile =
            Reconcile::new(MemoryLedger::default(), MemoryQueue::default(), events.clone(), clock);
        let letter = Message::Event(sample::event_message());
        assert_eq!(reconcile.run(&letter).await.unwrap(), Reconciled::Returned);
        assert_eq!(events.sent(), [sample::event_message().after_failure()]);
    }

    #[tokio::test]
    async fn a_step_of_a_recovery_that_was_not_taken_is_taken_later() {
        let events = MemoryQueue::default();
        let clock = Arc::new(ManualClock::new(7));
        let reconcile =
            Reconcile::new(MemoryLedger::default(), MemoryQueue::default(), events.clone(), clock);
        let step = sample::recovery_message();
        let letter = Message::Recovery(step.clone());
        assert_eq!(reconcile.run(&letter).await.unwrap(), Reconciled::Returned);
        assert_eq!(events.steps(), [step.after_failure()]);
    }
}
