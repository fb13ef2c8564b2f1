//! The content of the journal, and the store that is restored from it.

use super::attributes::QueueAttributes;
use super::message::{Message, Sequence};
use super::queue::Queue;
use super::store::Store;
use crate::sqs::queue_name::QueueName;

/// Every row of a journal.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) queues: Vec<(QueueName, QueueAttributes)>,
    pub(crate) messages: Vec<(QueueName, Sequence, Message)>,
}

impl Store {
    /// Restores the store. A message that was in flight still is, until its visibility timeout ends.
    pub(crate) fn restore(snapshot: Snapshot, now: u64) -> Self {
        let mut store = Self::default();
        for (name, attributes) in snapshot.queues {
            store.queues.insert(name.clone(), Queue::new(name, attributes));
        }
        // A queue is written before its messages and never deleted, so each message has its queue.
        for (name, sequence, message) in snapshot.messages {
            if let Some(queue) = store.queues.get_mut(&name) {
                queue.restore(sequence, message, now);
            }
        }
        store
    }
}
