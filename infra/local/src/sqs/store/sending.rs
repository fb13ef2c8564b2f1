//! How a message comes into a queue from its producer.

use std::sync::Arc;

use uuid::Uuid;

use super::message::{Delivery, Message, Sent, Sequence};
use super::queue::Queue;
use super::step::Step;
use crate::sqs::error::SqsError;
use crate::sqs::message_attributes::{self, MessageAttributes};

/// A message as its producer wants it sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: Uuid,
    pub(crate) body: String,
    pub(crate) md5_of_body: String,
    pub(crate) attributes: MessageAttributes,
    pub(crate) trace_header: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) delay_seconds: Option<u32>,
}

impl Outgoing {
    /// Bytes that count towards `MaximumMessageSize`; the trace header does not (API `SendMessage`).
    pub(crate) fn size(&self) -> usize {
        self.body.len() + message_attributes::size(&self.attributes)
    }
}

/// What the producer is told. Of a FIFO queue's message the place too.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) message_id: String,
    pub(crate) sequence: Option<Sequence>,
}

impl Queue {
    pub(crate) fn send(&mut self, message: Outgoing, step: &mut Step) -> Result<Accepted, SqsError> {
        self.advance(step);
        let maximum = self.attributes().maximum_message_size;
        if message.size() > maximum as usize {
            return Err(SqsError::MessageTooLong(maximum));
        }
        let accepted = if self.name.is_fifo() {
            self.send_fifo(message, step)?
        } else {
            self.send_standard(message, step)?
        };
        self.announce();
        Ok(accepted)
    }

    fn send_standard(&mut self, message: Outgoing, step: &mut Step) -> Result<Accepted, SqsError> {
        if let Some(id) = &message.deduplication_id {
            return Err(not_for_this_type("MessageDeduplicationId", id));
        }
        let message_id = message.id.to_string();
        self.enqueue(message, step);
        Ok(Accepted { message_id, sequence: None })
    }

    pub(super) fn enqueue(&mut self, message: Outgoing, step: &mut Step) -> Sequence {
        let delay = message.delay_seconds.unwrap_or(self.attributes().delay_seconds);
        let sent = Sent {
            id: message.id.to_string(),
            body: message.body,
            md5_of_body: message.md5_of_body,
            attributes: message.attributes,
            trace_header: message.trace_header,
            group: message.group,
            deduplication_id: message.deduplication_id,
            sent_at: step.now,
        };
        let delivery = Delivery {
            visible_at: step.now + u64::from(delay) * 1_000,
            enqueued_at: step.now,
            ..Delivery::default()
        };
        self.admit(Message { sent: Arc::new(sent), delivery }, step)
    }

    pub(super) fn admit(&mut self, message: Message, step: &mut Step) -> Sequence {
        let sequence = self.next_sequence(step.now);
        self.put(sequence, message, step);
        sequence
    }
}

pub(super) fn not_for_this_type(parameter: &str, value: &(impl ToString + ?Sized)) -> SqsError {
    SqsError::invalid(
        parameter,
        value,
        "The request includes a parameter that is not valid for this queue type",
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, grouped, message};
    use super::*;

    #[test]
    fn parameters_of_the_other_type_are_refused() {
        let mut desk = Desk::new().with_queue("q", &[]).with_queue("q.fifo", &[]);
        for (queue, refused) in [
            ("q", Outgoing { group: None, ..grouped("g", "x") }),
            ("q.fifo", message("no group")),
            ("q.fifo", Outgoing { deduplication_id: None, ..grouped("g", "no id") }),
            ("q.fifo", Outgoing { delay_seconds: Some(1), ..grouped("g", "delayed") }),
        ] {
            assert!(desk.send(queue, refused).is_err());
        }
        assert_eq!(desk.counts("q"), (0, 0, 0));
        assert_eq!(desk.counts("q.fifo"), (0, 0, 0));
    }

    #[test]
    fn a_message_is_measured_with_its_attributes() {
        let mut desk = Desk::new().with_queue("q", &[("MaximumMessageSize", "1024")]);
        assert!(desk.send("q", message(&"x".repeat(1_024))).is_ok());
        assert_eq!(desk.send("q", message(&"x".repeat(1_025))), Err(SqsError::MessageTooLong(1_024)));
    }

    #[test]
    fn a_group_on_a_standard_queue_is_carried() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send("q", Outgoing { deduplication_id: None, ..grouped("tenant", "x") }).unwrap();
        assert_eq!(desk.receive("q")[0].message.sent.group.as_deref(), Some("tenant"));
    }
}
