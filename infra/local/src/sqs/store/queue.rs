//! One queue. What can be done with its messages is in sending.rs, receiving.rs and receipts.rs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::attempts::Attempts;
use super::attributes::QueueAttributes;
use super::deduplication::{Deduplication, Remembered};
use super::message::{Message, Sequence};
use super::shelf::Shelf;
use super::step::{Change, Step};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;

/// What is kept of a queue besides its messages. Times are epoch milliseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub(crate) attributes: QueueAttributes,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at: u64,
    pub(crate) modified_at: u64,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: QueueName,
    pub(crate) settings: Settings,
    pub(super) shelf: Shelf,
    pub(super) deduplication: Deduplication,
    pub(super) attempts: Attempts,
    last_sequence: Sequence,
    purged_at: Option<u64>,
    /// Passed from one waiting receiver to the next as long as there is something to receive.
    arrival: Arc<Notify>,
}

impl Queue {
    pub(crate) fn new(name: QueueName, settings: Settings) -> Self {
        Self {
            shelf: Shelf::new(name.is_fifo()),
            name,
            settings,
            deduplication: Deduplication::default(),
            attempts: Attempts::default(),
            last_sequence: Sequence::default(),
            purged_at: None,
            arrival: Arc::default(),
        }
    }

    pub(crate) fn attributes(&self) -> &QueueAttributes {
        &self.settings.attributes
    }

    /// The messages, to count and to look at.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Notified when there may be something to receive.
    pub(crate) fn arrival(&self) -> Arc<Notify> {
        Arc::clone(&self.arrival)
    }

    /// Wakes one waiting receiver if there is something for it. Each operation ends with this, a
    /// receive too: so a send need not know how many wait, and no wake-up is lost or wasted.
    pub(super) fn announce(&self) {
        if self.shelf.has_visible() {
            self.arrival.notify_one();
        }
    }

    pub(crate) fn purge(&mut self, step: &mut Step) -> Result<(), SqsError> {
        if self.purged_at.is_some_and(|at| step.now < at + limits::PURGE_INTERVAL_MS) {
            return Err(SqsError::PurgeQueueInProgress(self.name.to_string()));
        }
        self.purged_at = Some(step.now);
        self.shelf = Shelf::new(self.name.is_fifo());
        step.record(Change::PurgeQueue(self.name.clone()));
        Ok(())
    }

    /// Notes a change of attributes or tags.
    pub(crate) fn settings_changed(&mut self, step: &mut Step) {
        self.settings.modified_at = step.now;
        step.record(Change::PutQueue(self.name.clone(), self.settings.clone()));
    }

    /// The number of the next message.
    pub(super) fn next_sequence(&mut self, now: u64) -> Sequence {
        self.last_sequence = Sequence::after(self.last_sequence, now);
        self.last_sequence
    }

    /// Adds a message, or brings back a changed one, for good.
    pub(super) fn put(&mut self, sequence: Sequence, message: Message, step: &mut Step) {
        step.record(Change::PutMessage(self.name.clone(), sequence, message.clone()));
        self.shelf.insert(sequence, message, step.now);
    }

    /// Removes a message for good.
    pub(super) fn take(&mut self, sequence: Sequence, step: &mut Step) -> Option<Message> {
        let message = self.shelf.remove(sequence)?;
        step.record(Change::DeleteMessage(self.name.clone(), sequence));
        Some(message)
    }

    /// Puts back a message the journal kept.
    pub(super) fn restore(&mut self, sequence: Sequence, message: Message, now: u64) {
        self.last_sequence = self.last_sequence.max(sequence);
        self.shelf.insert(sequence, message, now);
    }

    /// Puts back a deduplication the journal kept.
    pub(super) fn restore_deduplication(&mut self, key: String, remembered: Remembered) {
        self.last_sequence = self.last_sequence.max(remembered.sequence);
        self.deduplication.remember(key, remembered);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, name};
    use super::*;

    #[test]
    fn a_purge_takes_everything_and_not_twice_a_minute() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send_bodies("q", &["a", "b"]);
        desk.receive_as("q", &super::super::Receive { max: 1, visibility_timeout: None, attempt_id: None });
        let Desk { store, step } = &mut desk;
        let queue = store.queue(&name("q")).unwrap();
        assert_eq!(queue.purge(step), Ok(()));
        assert_eq!(queue.purge(step), Err(SqsError::PurgeQueueInProgress("q".to_owned())));
        assert_eq!(desk.counts("q"), (0, 0, 0));
    }
}
