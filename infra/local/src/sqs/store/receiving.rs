//! How messages leave a queue: to a consumer, or as dead letters.

use super::message::Message;
use super::queue::Queue;
use super::receipt::ReceiptHandle;
use super::step::{Change, Step};
use crate::sqs::error::SqsError;
use crate::sqs::limits;

/// What a consumer asks for.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    pub(crate) max: usize,
    /// Seconds, if not the queue's own.
    pub(crate) visibility_timeout: Option<u32>,
    pub(crate) attempt_id: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) handle: ReceiptHandle,
    pub(crate) message: Message,
}

impl Queue {
    /// Removes those of the next `max` messages that have been received `max_receives` times:
    /// the receive after the last allowed one is what makes a message a dead letter.
    pub(crate) fn take_exhausted(&mut self, max: usize, max_receives: u32, step: &mut Step) -> Vec<Message> {
        let mut exhausted = Vec::new();
        loop {
            let mut next = self.shelf.first_visible(max);
            next.retain(|sequence| {
                self.shelf
                    .get(*sequence)
                    .is_some_and(|(_, message)| message.delivery.receives >= max_receives)
            });
            if next.is_empty() {
                return exhausted;
            }
            exhausted.extend(next.into_iter().filter_map(|sequence| self.take(sequence, step)));
        }
    }

    pub(crate) fn receive(&mut self, ask: &Receive, step: &mut Step) -> Result<Vec<Received>, SqsError> {
        let visible_at = self.visible_again_at(ask.visibility_timeout, step.now);
        let attempt = ask.attempt_id.as_ref().filter(|_| self.name.is_fifo());
        if let Some(received) = attempt.and_then(|id| self.receive_again(id, visible_at, step)) {
            return Ok(received);
        }
        let room = self.room_in_flight()?;
        let next = self.shelf.first_visible(ask.max.min(room));
        let received = next.into_iter().filter_map(|sequence| {
            let message = self.shelf.update(sequence, step.now, |delivery| {
                delivery.receives += 1;
                delivery.received_at = Some(step.now);
                delivery.first_received_at.get_or_insert(step.now);
                delivery.visible_at = visible_at;
            })?;
            step.record(Change::PutMessage(self.name.clone(), sequence, message.clone()));
            Some(Received { handle: ReceiptHandle::new(&self.name, sequence, &message), message })
        });
        let received: Vec<_> = received.collect();
        self.remember_attempt(attempt, &received, step.now);
        self.announce();
        Ok(received)
    }

    fn visible_again_at(&self, timeout: Option<u32>, now: u64) -> u64 {
        now + u64::from(timeout.unwrap_or(self.attributes().visibility_timeout)) * 1_000
    }

    /// How many more messages may be in flight. At the limit a standard queue refuses, while a FIFO
    /// queue "returns no error messages" and so nothing (API `ChangeMessageVisibility`).
    fn room_in_flight(&self) -> Result<usize, SqsError> {
        let room = limits::IN_FLIGHT_MESSAGES.saturating_sub(self.shelf.in_flight());
        if room == 0 && !self.name.is_fifo() { Err(SqsError::OverLimit) } else { Ok(room) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fixture::{Desk, bodies, grouped, name, ten};
    use super::super::message::Sent;
    use super::super::{Outgoing, Sequence};
    use super::*;

    fn one() -> Receive {
        Receive { max: 1, ..ten() }
    }

    #[test]
    fn a_message_that_keeps_coming_back_waits_its_turn() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send_bodies("q", &["restless", "patient"]);
        let first = desk.receive_as("q", &one()).remove(0);
        desk.pass(1);
        desk.hide("q", &first, 0).unwrap();
        assert_eq!(bodies(&desk.receive_as("q", &one())), ["patient"]);
    }

    #[test]
    fn without_a_visibility_timeout_a_message_stays_visible_and_its_last_handle_deletes_it() {
        let mut desk = Desk::new().with_queue("q", &[("VisibilityTimeout", "0")]);
        desk.send_bodies("q", &["a"]);
        desk.receive("q");
        let received = desk.receive("q");
        assert_eq!(received[0].message.delivery.receive_count(), 2);
        assert_eq!(desk.counts("q"), (1, 0, 0));
        desk.delete("q", &received[0]).unwrap();
        assert_eq!(desk.counts("q"), (0, 0, 0));
    }

    #[test]
    fn at_the_quota_of_messages_in_flight_a_standard_queue_refuses_and_a_fifo_queue_is_silent() {
        for (queue, refusal) in [("q", Some(SqsError::OverLimit)), ("q.fifo", None)] {
            let mut desk = Desk::new().with_queue(queue, &[]);
            let fifo = queue == "q.fifo";
            for group in ["a", "b", "c", "d", "e"] {
                let message = grouped(group, "x");
                let deduplication_id = message.deduplication_id.clone().filter(|_| fifo);
                desk.send(queue, Outgoing { deduplication_id, ..message }).unwrap();
            }
            let room = 3;
            in_flight(&mut desk, queue, limits::IN_FLIGHT_MESSAGES - room);
            assert_eq!(desk.receive(queue).len(), room);
            let Desk { store, step } = &mut desk;
            let next = store.receive(&name(queue), &ten(), step);
            assert_eq!(next.as_ref().err(), refusal.as_ref());
            assert!(next.is_err() || next.is_ok_and(|received| received.is_empty()));
        }
    }

    /// Copies of the first message, in flight.
    fn in_flight(desk: &mut Desk, queue: &str, count: usize) {
        let now = desk.step.now;
        let (_, mut message) = desk.queue(queue).shelf().next_visible().unwrap();
        message.sent = Arc::new(Sent { group: Some("busy".to_owned()), ..(*message.sent).clone() });
        message.delivery.receives = 1;
        message.delivery.visible_at = now + 30_000;
        for number in 1..=count {
            let sequence = Sequence::from_number(number as u64);
            desk.queue(queue).restore(sequence, message.clone(), now);
        }
    }

    #[test]
    fn a_group_is_received_in_order_and_locked_until_its_messages_are_done() {
        let mut desk = Desk::new().with_queue("q.fifo", &[]);
        for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
            desk.send("q.fifo", grouped(group, body)).unwrap();
        }
        let first = desk.receive_as("q.fifo", &one());
        assert_eq!(bodies(&first), ["a1"]);
        assert_eq!(bodies(&desk.receive("q.fifo")), ["b1"]);
        desk.delete("q.fifo", &first[0]).unwrap();
        assert_eq!(bodies(&desk.receive("q.fifo")), ["a2"]);
    }
}
