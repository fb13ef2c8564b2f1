//! What the journal kept, and the store made from it.

use super::deduplication::Remembered;
use super::message::{Message, Sequence};
use super::move_task::MoveTask;
use super::queue::{Queue, Settings};
use super::store::Store;
use crate::sqs::name::QueueName;

/// Every row of a journal.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) queues: Vec<(QueueName, Settings)>,
    pub(crate) messages: Vec<(QueueName, Sequence, Message)>,
    pub(crate) deduplications: Vec<(QueueName, String, Remembered)>,
    pub(crate) move_tasks: Vec<MoveTask>,
}

impl Store {
    /// The store as the journal left it. What was in flight still is, until its visibility ends.
    pub(crate) fn restore(snapshot: Snapshot, now: u64) -> Self {
        let mut store = Self::default();
        for (name, settings) in snapshot.queues {
            store.queues.insert(name.clone(), Queue::new(name, settings));
        }
        // A queue is deleted together with its rows, so each of these has its queue.
        for (name, sequence, message) in snapshot.messages {
            if let Some(queue) = store.queues.get_mut(&name) {
                queue.restore(sequence, message, now);
            }
        }
        for (name, key, remembered) in snapshot.deduplications {
            if let Some(queue) = store.queues.get_mut(&name) {
                queue.restore_deduplication(key, remembered);
            }
        }
        store.move_tasks.restore(snapshot.move_tasks);
        store
    }
}
