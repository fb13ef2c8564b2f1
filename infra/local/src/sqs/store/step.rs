//! One step of the store: when it happens and what it changed, for the journal.

use super::deduplication::Remembered;
use super::message::{Message, Sequence};
use super::move_task::MoveTask;
use super::queue::Settings;
use crate::sqs::name::QueueName;

/// Handed through every operation. Its changes are written as one transaction, so that for
/// example a message that moves to a dead-letter queue is always in exactly one of the two.
#[derive(Debug)]
pub(crate) struct Step {
    /// Epoch milliseconds.
    pub(crate) now: u64,
    pub(crate) changes: Vec<Change>,
}

impl Step {
    pub(crate) fn at(now: u64) -> Self {
        Self { now, changes: Vec::new() }
    }

    pub(crate) fn record(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// A row that is different now. What time alone changes, such as a visibility that ends, is none.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    PutQueue(QueueName, Settings),
    /// With everything in it.
    DeleteQueue(QueueName),
    PurgeQueue(QueueName),
    PutMessage(QueueName, Sequence, Message),
    DeleteMessage(QueueName, Sequence),
    Remember(QueueName, String, Remembered),
    Forget(QueueName, String),
    PutMoveTask(MoveTask),
    DeleteMoveTask(String),
}
