//! How a message comes into a FIFO queue: in a group, and only once in five minutes.

use super::deduplication::Remembered;
use super::queue::Queue;
use super::sending::{Accepted, Outgoing, not_for_this_type};
use super::step::{Change, Step};
use crate::sqs::digest;
use crate::sqs::error::SqsError;

impl Queue {
    pub(super) fn send_fifo(&mut self, mut message: Outgoing, step: &mut Step) -> Result<Accepted, SqsError> {
        let group = message
            .group
            .as_deref()
            .ok_or_else(|| SqsError::MissingParameter("MessageGroupId".to_owned()))?;
        if let Some(delay) = message.delay_seconds.take().filter(|delay| *delay > 0) {
            return Err(not_for_this_type("DelaySeconds", &delay));
        }
        let fifo = self.attributes().fifo.clone().unwrap_or_default();
        let id = match message.deduplication_id.take() {
            Some(id) => id,
            None if fifo.content_based_deduplication => digest::sha256(&message.body),
            None => {
                return Err(SqsError::invalid(
                    "MessageDeduplicationId",
                    "null",
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                ));
            }
        };
        let key = fifo.deduplication_key(group, &id);
        if let Some(Remembered { message_id, sequence, .. }) = self.deduplication.find(&key).cloned() {
            return Ok(Accepted { message_id, sequence: Some(sequence) });
        }
        message.deduplication_id = Some(id);
        let message_id = message.id.to_string();
        let sequence = self.enqueue(message, step);
        let remembered = Remembered { message_id: message_id.clone(), sequence, sent_at: step.now };
        step.record(Change::Remember(self.name.clone(), key.clone(), remembered.clone()));
        self.deduplication.remember(key, remembered);
        Ok(Accepted { message_id, sequence: Some(sequence) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, bodies, grouped};
    use super::*;

    #[test]
    fn a_repeat_within_five_minutes_is_accepted_and_not_delivered() {
        let mut desk = Desk::new().with_queue("q.fifo", &[("ContentBasedDeduplication", "true")]);
        let same = || Outgoing { deduplication_id: None, ..grouped("g", "same") };
        let first = desk.send("q.fifo", same()).unwrap();
        let received = desk.receive("q.fifo");
        desk.delete("q.fifo", &received[0]).unwrap();
        desk.pass(299);
        assert_eq!(desk.send("q.fifo", same()).unwrap(), first, "also after the first was deleted");
        assert!(desk.receive("q.fifo").is_empty());
        desk.pass(1);
        assert_ne!(desk.send("q.fifo", same()).unwrap(), first);
        assert_eq!(bodies(&desk.receive("q.fifo")), ["same"]);
    }
}
