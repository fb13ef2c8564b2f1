//! The way of a message that nobody could handle: to the dead-letter queue, and back.

use std::sync::Arc;

use uuid::Uuid;

use super::message::{Delivery, Message, Sent};
use super::queue::Queue;
use super::receiving::{Receive, Received};
use super::redrive::RedrivePolicy;
use super::step::Step;
use super::store::Store;
use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;

impl Store {
    /// Receives messages; those already received too often go to the dead-letter queue instead. If
    /// there is no such queue (any more) they stay where they are and are received again: a message
    /// is never lost to a queue that does not exist.
    pub(crate) fn receive(
        &mut self,
        name: &QueueName,
        ask: &Receive,
        step: &mut Step,
    ) -> Result<Vec<Received>, SqsError> {
        let queue = self.queues.get(name).ok_or(SqsError::QueueDoesNotExist)?;
        let policy = queue
            .redrive_policy()
            .filter(|policy| self.queues.contains_key(&policy.dead_letter_target))
            .cloned();
        let queue = self.queue(name)?;
        queue.advance(step);
        if let Some(RedrivePolicy { dead_letter_target, max_receive_count }) = policy {
            let exhausted = queue.take_exhausted(ask.max, max_receive_count, step);
            let target = self.queue(&dead_letter_target)?;
            exhausted.into_iter().for_each(|message| target.bury(message, name, step));
        }
        self.queue(name)?.receive(ask, step)
    }
}

impl Queue {
    /// Takes in a message that `source` has received too often.
    pub(crate) fn bury(&mut self, message: Message, source: &QueueName, step: &mut Step) {
        let fifo = self.name.is_fifo();
        let delivery = Delivery {
            earlier_receives: message.delivery.receive_count(),
            receives: 0,
            received_at: None,
            visible_at: step.now,
            // The retention of a standard message counts from its original enqueuing, that of a FIFO
            // message anew (developer guide, "Setting-up dead-letter queue retention").
            enqueued_at: if fifo { step.now } else { message.delivery.enqueued_at },
            dead_letter_source: Some(source.clone()),
            first_received_at: message.delivery.first_received_at,
        };
        let sent = if fifo {
            // So that two messages with the same id are both kept (developer guide, "Configure a redrive").
            Arc::new(Sent { deduplication_id: Some(message.sent.id.clone()), ..(*message.sent).clone() })
        } else {
            message.sent
        };
        self.admit(Message { sent, delivery }, step);
        self.announce();
    }

    /// Takes in a message from a dead-letter queue. It counts as new: "a new messageID and
    /// enqueueTime are assigned" (developer guide, "Configure a dead-letter queue redrive").
    pub(crate) fn exhume(&mut self, message: &Message, id: Uuid, step: &mut Step) {
        let sent = Sent { id: id.to_string(), sent_at: step.now, ..(*message.sent).clone() };
        let delivery = Delivery { visible_at: step.now, enqueued_at: step.now, ..Delivery::default() };
        self.admit(Message { sent: Arc::new(sent), delivery }, step);
        self.announce();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, bodies, grouped, name, redrive_to};

    fn desk(max_receive_count: u32) -> Desk {
        Desk::new()
            .with_queue("dlq", &[])
            .with_queue("q", &[("RedrivePolicy", &redrive_to("dlq", max_receive_count))])
    }

    #[test]
    fn a_message_is_a_dead_letter_at_the_receive_after_the_last_allowed_one() {
        let mut desk = desk(4);
        desk.send_bodies("q", &["poison"]);
        for receive in 1..=4 {
            let received = desk.receive("q");
            assert_eq!(received[0].message.delivery.receive_count(), receive);
            desk.hide("q", &received[0], 0).unwrap();
            assert_eq!(desk.counts("dlq"), (0, 0, 0), "it may still be received {} times", 4 - receive);
        }
        assert!(desk.receive("q").is_empty());
        assert_eq!(desk.counts("q"), (0, 0, 0));
        assert_eq!(bodies(&desk.receive("dlq")), ["poison"]);
    }

    #[test]
    fn a_poison_message_stays_where_it_is_when_its_dead_letter_queue_is_gone() {
        let mut desk = desk(1);
        desk.send_bodies("q", &["poison"]);
        desk.store.delete_queue(&name("dlq"), &mut desk.step).unwrap();
        for receive in 1..=3 {
            let received = desk.receive("q");
            assert_eq!(received[0].message.delivery.receive_count(), receive);
            desk.hide("q", &received[0], 0).unwrap();
        }
        assert_eq!(desk.counts("q"), (1, 0, 0));
    }

    #[test]
    fn a_dead_letter_keeps_its_id_its_count_and_its_age_and_tells_its_source() {
        let mut desk = desk(1);
        let sent = desk.send("q", super::super::fixture::message("poison")).unwrap();
        let sent_at = desk.step.now;
        desk.receive("q");
        desk.pass(31);
        desk.receive("q");
        let received = desk.receive("dlq").remove(0).message;
        assert_eq!(received.sent.id, sent.message_id);
        assert_eq!(received.delivery.receive_count(), 2);
        assert_eq!(received.delivery.enqueued_at, sent_at);
        assert_eq!(received.delivery.dead_letter_source, Some(name("q")));
    }

    #[test]
    fn one_poison_message_does_not_hold_up_the_others() {
        let mut desk = desk(1);
        desk.send_bodies("q", &["poison"]);
        desk.receive("q");
        desk.pass(31);
        desk.send_bodies("q", &["a", "b"]);
        assert_eq!(bodies(&desk.receive("q")), ["a", "b"]);
        assert_eq!(bodies(&desk.receive("dlq")), ["poison"]);
    }

    #[test]
    fn a_fifo_dead_letter_has_a_retention_and_a_deduplication_id_of_its_own() {
        let mut desk = Desk::new()
            .with_queue("dlq.fifo", &[])
            .with_queue("q.fifo", &[("RedrivePolicy", &redrive_to("dlq.fifo", 1))]);
        let sent = desk.send("q.fifo", grouped("g", "poison")).unwrap();
        desk.receive("q.fifo");
        desk.pass(31);
        desk.receive("q.fifo");
        let received = desk.receive("dlq.fifo").remove(0).message;
        assert_eq!(received.delivery.enqueued_at, desk.step.now);
        assert_eq!(received.sent.deduplication_id, Some(sent.message_id));
    }
}
