//! How messages leave a queue: to a consumer, or to the dead-letter queue.

use super::message::Message;
use super::queue::Queue;
use super::receipt_handle::ReceiptHandle;
use super::transaction::{Transaction, Write};
use crate::sqs::error::SqsError;
use crate::sqs::limits;

#[derive(Clone, Debug)]
pub(crate) struct ReceiveRequest {
    pub(crate) max: usize,
    /// Seconds; the queue's own if not given.
    pub(crate) visibility_timeout: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct ReceivedMessage {
    pub(crate) handle: ReceiptHandle,
    pub(crate) message: Message,
}

impl Queue {
    /// Removes those of the next `max` messages that have been received `max_receives` times:
    /// the receive after the last allowed one makes a message a dead letter.
    pub(crate) fn remove_exhausted(
        &mut self,
        max: usize,
        max_receives: u32,
        tx: &mut Transaction,
    ) -> Vec<Message> {
        let mut exhausted = Vec::new();
        loop {
            let mut next = self.messages.next_visible(max);
            next.retain(|sequence| {
                self.messages
                    .get(*sequence)
                    .is_some_and(|(_, message)| message.delivery.receives >= max_receives)
            });
            if next.is_empty() {
                return exhausted;
            }
            exhausted.extend(next.into_iter().filter_map(|sequence| self.remove(sequence, tx)));
        }
    }

    /// Receives messages, which hides them for the visibility timeout.
    pub(crate) fn receive(
        &mut self,
        request: &ReceiveRequest,
        tx: &mut Transaction,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let timeout = request.visibility_timeout.unwrap_or(self.attributes.visibility_timeout);
        let visible_at = tx.now + u64::from(timeout) * 1_000;
        let allowed = limits::IN_FLIGHT_MESSAGES.saturating_sub(self.messages.in_flight());
        if allowed == 0 {
            return Err(SqsError::OverLimit);
        }
        let next = self.messages.next_visible(request.max.min(allowed));
        let received = next.into_iter().filter_map(|sequence| {
            let message = self.messages.update(sequence, tx.now, |delivery| {
                delivery.receives += 1;
                delivery.received_at = Some(tx.now);
                delivery.first_received_at.get_or_insert(tx.now);
                delivery.visible_at = visible_at;
            })?;
            tx.write(Write::PutMessage(self.name.clone(), sequence, message.clone()));
            Some(ReceivedMessage { handle: ReceiptHandle::new(&self.name, sequence, &message), message })
        });
        let received = received.collect();
        self.wake_long_poll();
        Ok(received)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sequence;
    use super::super::fixture::{TestStore, bodies, name, up_to_ten};
    use super::*;

    fn one() -> ReceiveRequest {
        ReceiveRequest { max: 1, ..up_to_ten() }
    }

    #[test]
    fn a_message_that_is_received_again_does_not_hold_up_the_others() {
        let mut test = TestStore::new().with_queue("q", &[]);
        test.send_bodies("q", &["again", "waiting"]);
        let first = test.receive_with("q", &one()).remove(0);
        test.advance_clock(1);
        test.change_visibility("q", &first, 0).unwrap();
        assert_eq!(bodies(&test.receive_with("q", &one())), ["waiting"]);
    }

    #[test]
    fn without_a_visibility_timeout_a_message_stays_visible_and_its_last_handle_deletes_it() {
        let mut test = TestStore::new().with_queue("q", &[("VisibilityTimeout", "0")]);
        test.send_bodies("q", &["a"]);
        test.receive("q");
        let received = test.receive("q");
        assert_eq!(received[0].message.delivery.receive_count(), 2);
        assert_eq!(test.counts("q"), (1, 0, 0));
        test.delete("q", &received[0]).unwrap();
        assert_eq!(test.counts("q"), (0, 0, 0));
    }

    #[test]
    fn at_the_quota_of_messages_in_flight_a_receive_is_refused() {
        let mut test = TestStore::new().with_queue("q", &[]);
        test.send_bodies("q", &["a", "b", "c", "d", "e"]);
        let left = 3;
        put_in_flight(&mut test, limits::IN_FLIGHT_MESSAGES - left);
        assert_eq!(test.receive("q").len(), left);
        let TestStore { store, tx } = &mut test;
        assert_eq!(store.receive(&name("q"), &up_to_ten(), tx).err(), Some(SqsError::OverLimit));
    }

    /// Adds copies of the first message, in flight.
    fn put_in_flight(test: &mut TestStore, count: usize) {
        let now = test.tx.now;
        let queue = test.queue("q");
        let first = queue.messages.next_visible(1)[0];
        let mut message = queue.messages.get(first).unwrap().1.clone();
        message.delivery.receives = 1;
        message.delivery.visible_at = now + 30_000;
        for number in 1..=count {
            queue.restore(Sequence::from_number(number as u64), message.clone(), now);
        }
    }
}
