//! One queue. Its other operations are in receiving.rs, in_flight.rs and timeouts.rs.

use std::sync::Arc;

use tokio::sync::Notify;

use super::attributes::QueueAttributes;
use super::message::{DeliveryState, Message, SentMessage, Sequence};
use super::message_index::MessageIndex;
use super::transaction::{Transaction, Write};
use crate::sqs::queue_name::QueueName;

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: QueueName,
    pub(crate) attributes: QueueAttributes,
    pub(super) messages: MessageIndex,
    last_sequence: Sequence,
    /// Wakes one long poll, which wakes the next one if there is more to receive.
    message_available: Arc<Notify>,
}

impl Queue {
    pub(crate) fn new(name: QueueName, attributes: QueueAttributes) -> Self {
        Self {
            name,
            attributes,
            messages: MessageIndex::default(),
            last_sequence: Sequence::default(),
            message_available: Arc::default(),
        }
    }

    /// The messages, to count and to look at.
    pub(crate) fn messages(&self) -> &MessageIndex {
        &self.messages
    }

    /// Notified when there may be something to receive.
    pub(crate) fn message_available(&self) -> Arc<Notify> {
        Arc::clone(&self.message_available)
    }

    /// Wakes one long poll if there is something to receive. Every operation ends with this, also a receive, so a send
    /// need not know how many polls wait, and no wake-up is lost or wasted.
    pub(super) fn wake_long_poll(&self) {
        if self.messages.visible() > 0 {
            self.message_available.notify_one();
        }
    }

    pub(super) fn next_sequence(&mut self, now: u64) -> Sequence {
        self.last_sequence = Sequence::after(self.last_sequence, now);
        self.last_sequence
    }

    /// Adds a producer's message, hidden for its delay.
    pub(crate) fn send(&mut self, sent: SentMessage, delay_seconds: u32, tx: &mut Transaction) {
        self.process_timeouts(tx);
        let delivery = DeliveryState {
            visible_at: tx.now + u64::from(delay_seconds) * 1_000,
            enqueued_at: tx.now,
            ..DeliveryState::default()
        };
        self.enqueue(Message { sent: Arc::new(sent), delivery }, tx);
        self.wake_long_poll();
    }

    /// Adds a message at the end of the queue.
    pub(super) fn enqueue(&mut self, message: Message, tx: &mut Transaction) {
        let sequence = self.next_sequence(tx.now);
        tx.write(Write::PutMessage(self.name.clone(), sequence, message.clone()));
        self.messages.insert(sequence, message, tx.now);
    }

    pub(super) fn remove(&mut self, sequence: Sequence, tx: &mut Transaction) -> Option<Message> {
        let message = self.messages.remove(sequence)?;
        tx.write(Write::DeleteMessage(self.name.clone(), sequence));
        Some(message)
    }

    /// Adds a message that is in the journal already.
    pub(super) fn restore(&mut self, sequence: Sequence, message: Message, now: u64) {
        self.last_sequence = self.last_sequence.max(sequence);
        self.messages.insert(sequence, message, now);
    }
}
