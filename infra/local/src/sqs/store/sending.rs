//! How a producer's message gets into a queue.

use std::sync::Arc;

use super::message::{DeliveryState, Message, SentMessage};
use super::queue::Queue;
use super::transaction::Transaction;

/// A message that SQS accepts and that is not in a queue yet.
#[derive(Debug)]
pub(crate) struct NewMessage {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) md5_of_body: String,
    /// `AWSTraceHeader`.
    pub(crate) trace_header: Option<String>,
    /// `MessageGroupId`.
    pub(crate) group: Option<String>,
    pub(crate) delay_seconds: u32,
}

impl Queue {
    pub(crate) fn send(&mut self, message: NewMessage, tx: &mut Transaction) {
        self.process_timeouts(tx);
        let sent = SentMessage {
            id: message.id,
            body: message.body,
            md5_of_body: message.md5_of_body,
            trace_header: message.trace_header,
            group: message.group,
            sent_at: tx.now,
        };
        let delivery = DeliveryState {
            visible_at: tx.now + u64::from(message.delay_seconds) * 1_000,
            enqueued_at: tx.now,
            ..DeliveryState::default()
        };
        self.enqueue(Message { sent: Arc::new(sent), delivery }, tx);
        self.wake_long_poll();
    }
}
