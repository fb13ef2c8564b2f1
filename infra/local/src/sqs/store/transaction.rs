//! One transaction of the store: when it happens, and what it writes to the journal.

use super::attributes::QueueAttributes;
use super::message::{Message, Sequence};
use crate::sqs::queue_name::QueueName;

/// The context of every operation. Its writes are committed together, so that for example a message
/// that moves to a dead-letter queue is always in exactly one of the two queues.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// Epoch milliseconds.
    pub(crate) now: u64,
    pub(crate) writes: Vec<Write>,
}

impl Transaction {
    pub(crate) fn at(now: u64) -> Self {
        Self { now, writes: Vec::new() }
    }

    pub(crate) fn write(&mut self, write: Write) {
        self.writes.push(write);
    }
}

/// A change of one row of the journal. Changes by time, such as the end of a visibility timeout, need no write.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    PutQueue(QueueName, QueueAttributes),
    PutMessage(QueueName, Sequence, Message),
    DeleteMessage(QueueName, Sequence),
}
