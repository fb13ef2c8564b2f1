//! All queues of the account.

use std::collections::BTreeMap;

use super::attributes::QueueAttributes;
use super::message::{Message, Sequence};
use super::queue::Queue;
use super::transaction::{Transaction, Write};
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(super) queues: BTreeMap<QueueName, Queue>,
}

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

    pub(crate) fn queue(&mut self, name: &QueueName) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)
    }

    /// Creates a queue, or finds that it exists with these attributes.
    pub(crate) fn create_queue(
        &mut self,
        name: &QueueName,
        values: &BTreeMap<String, String>,
        tx: &mut Transaction,
    ) -> Result<(), SqsError> {
        if let Some(queue) = self.queues.get(name) {
            return check_same(&queue.attributes, values);
        }
        let attributes = QueueAttributes::default().with(values)?;
        self.check_redrive(name, &attributes)?;
        tx.write(Write::PutQueue(name.clone(), attributes.clone()));
        self.queues.insert(name.clone(), Queue::new(name.clone(), attributes));
        Ok(())
    }

    pub(crate) fn set_attributes(
        &mut self,
        name: &QueueName,
        values: &BTreeMap<String, String>,
        tx: &mut Transaction,
    ) -> Result<(), SqsError> {
        let attributes = self.queue(name)?.attributes.with(values)?;
        if values.contains_key("RedrivePolicy") {
            self.check_redrive(name, &attributes)?;
        }
        tx.write(Write::PutQueue(name.clone(), attributes.clone()));
        self.queue(name)?.attributes = attributes;
        Ok(())
    }

    /// Processes the timeouts of every queue.
    pub(crate) fn process_timeouts(&mut self, tx: &mut Transaction) {
        self.queues.values_mut().for_each(|queue| queue.process_timeouts(tx));
    }

    /// When the next timeout of any queue ends.
    pub(crate) fn next_timeout(&self) -> Option<u64> {
        self.queues.values().filter_map(Queue::next_timeout).min()
    }
}

/// Creating a queue again is no error if every attribute given has the value it already has.
fn check_same(existing: &QueueAttributes, values: &BTreeMap<String, String>) -> Result<(), SqsError> {
    for (attribute, value) in values {
        let mut changed = existing.clone();
        changed.set(attribute, value)?;
        if changed != *existing {
            return Err(SqsError::QueueNameExists(attribute.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{TestStore, name};

    #[test]
    fn a_bad_attribute_leaves_the_others_as_they_were() {
        let mut test = TestStore::new().with_queue("q", &[]);
        let values = [("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "-1")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert!(test.store.set_attributes(&name("q"), &values, &mut test.tx).is_err());
        assert_eq!(test.queue("q").attributes.message_retention_period, 345_600);
    }
}
