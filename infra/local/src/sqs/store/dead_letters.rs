//! Redrive: how a message that is received too often gets to the dead-letter queue.

use super::attributes::QueueAttributes;
use super::message::{DeliveryState, Message};
use super::queue::Queue;
use super::receiving::{ReceiveRequest, ReceivedMessage};
use super::redrive::RedrivePolicy;
use super::store::Store;
use super::transaction::Transaction;
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;

impl Store {
    /// Receives messages; those already received too often go to the dead-letter queue instead. If
    /// there is no such queue they stay and are received again: no message is lost to a queue that
    /// does not exist.
    pub(crate) fn receive(
        &mut self,
        name: &QueueName,
        request: &ReceiveRequest,
        tx: &mut Transaction,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let policy = self.queue(name)?.attributes.redrive_policy.clone();
        let policy = policy.filter(|policy| self.queues.contains_key(&policy.dead_letter_target));
        let queue = self.queue(name)?;
        queue.process_timeouts(tx);
        if let Some(RedrivePolicy { dead_letter_target, max_receive_count }) = policy {
            let exhausted = queue.remove_exhausted(request.max, max_receive_count, tx);
            let target = self.queue(&dead_letter_target)?;
            exhausted.into_iter().for_each(|message| target.enqueue_dead_letter(message, tx));
        }
        self.queue(name)?.receive(request, tx)
    }

    /// Refuses a redrive policy whose dead-letter queue does not exist or does not allow this source.
    pub(super) fn check_redrive(
        &self,
        source: &QueueName,
        attributes: &QueueAttributes,
    ) -> Result<(), SqsError> {
        let Some(policy) = &attributes.redrive_policy else {
            return Ok(());
        };
        let target = &policy.dead_letter_target;
        let refuse = |reason: &str| Err(SqsError::invalid("RedrivePolicy", &policy.to_json(), reason));
        match self.queues.get(target) {
            None => refuse("Dead letter target does not exist."),
            Some(_) if target == source => refuse("Dead letter target must be another queue."),
            Some(queue) if !queue.allows_redrive_from(source) => {
                refuse("The dead-letter queue's RedriveAllowPolicy does not allow this source queue.")
            }
            Some(_) => Ok(()),
        }
    }
}

impl Queue {
    /// Adds a message that was received too often elsewhere.
    fn enqueue_dead_letter(&mut self, message: Message, tx: &mut Transaction) {
        let delivery = DeliveryState {
            earlier_receives: message.delivery.receive_count(),
            receives: 0,
            received_at: None,
            visible_at: tx.now,
            ..message.delivery
        };
        self.enqueue(Message { sent: message.sent, delivery }, tx);
        self.wake_long_poll();
    }

    fn allows_redrive_from(&self, source: &QueueName) -> bool {
        self.attributes.redrive_allow_policy.as_ref().is_none_or(|policy| policy.allows(source))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{TestStore, name, redrive_to};

    #[test]
    fn a_poison_message_stays_where_it_is_when_its_dead_letter_queue_is_gone() {
        let mut test = TestStore::new().with_queue("dlq", &[]);
        test = test.with_queue("q", &[("RedrivePolicy", &redrive_to("dlq", 1))]);
        test.send_bodies("q", &["poison"]);
        test.store.queues.remove(&name("dlq"));
        for receive in 1..=3 {
            let received = test.receive("q");
            assert_eq!(received[0].message.delivery.receive_count(), receive);
            test.change_visibility("q", &received[0], 0).unwrap();
        }
        assert_eq!(test.counts("q"), (1, 0, 0));
    }
}
