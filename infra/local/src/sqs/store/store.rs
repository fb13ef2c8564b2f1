//! All queues of the account, and what concerns more than one of them.

use std::collections::{BTreeMap, HashMap};

use super::attributes::QueueAttributes;
use super::move_task::MoveTasks;
use super::queue::{Queue, Settings};
use super::step::{Change, Step};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(super) queues: BTreeMap<QueueName, Queue>,
    pub(super) move_tasks: MoveTasks,
    /// When queues were deleted: their names are not free at once.
    deleted: HashMap<QueueName, u64>,
}

impl Store {
    pub(crate) fn queue(&mut self, name: &QueueName) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)
    }

    /// The names that begin with `prefix`, in order.
    pub(crate) fn queue_names(&self, prefix: &str) -> Vec<QueueName> {
        self.queues.keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect()
    }

    /// Creates a queue, or finds that it exists with the attributes asked for.
    pub(crate) fn create_queue(
        &mut self,
        name: &QueueName,
        wanted: &BTreeMap<String, String>,
        tags: BTreeMap<String, String>,
        step: &mut Step,
    ) -> Result<(), SqsError> {
        if let Some(queue) = self.queues.get(name) {
            return check_same(queue.attributes(), wanted);
        }
        self.deleted.retain(|_, at| step.now < *at + limits::DELETED_NAME_INTERVAL_MS);
        if self.deleted.contains_key(name) {
            return Err(SqsError::QueueDeletedRecently);
        }
        let mut attributes = QueueAttributes::default_for(name);
        wanted.iter().try_for_each(|(attribute, value)| attributes.set(attribute, value))?;
        self.check_redrive(name, &attributes)?;
        let settings = Settings { attributes, tags, created_at: step.now, modified_at: step.now };
        step.record(Change::PutQueue(name.clone(), settings.clone()));
        self.queues.insert(name.clone(), Queue::new(name.clone(), settings));
        Ok(())
    }

    pub(crate) fn delete_queue(&mut self, name: &QueueName, step: &mut Step) -> Result<(), SqsError> {
        let queue = self.queues.remove(name).ok_or(SqsError::QueueDoesNotExist)?;
        self.deleted.insert(name.clone(), step.now);
        self.move_tasks.forget_source(name, step);
        step.record(Change::DeleteQueue(name.clone()));
        // Whoever waits for a message of it shall learn that it is gone.
        queue.arrival().notify_waiters();
        Ok(())
    }

    pub(crate) fn set_attributes(
        &mut self,
        name: &QueueName,
        wanted: &BTreeMap<String, String>,
        step: &mut Step,
    ) -> Result<(), SqsError> {
        let mut attributes = self.queue(name)?.attributes().clone();
        wanted.iter().try_for_each(|(attribute, value)| attributes.set(attribute, value))?;
        if wanted.contains_key("RedrivePolicy") {
            self.check_redrive(name, &attributes)?;
        }
        let queue = self.queue(name)?;
        queue.settings.attributes = attributes;
        queue.settings_changed(step);
        Ok(())
    }

    /// Lets time have its effects on every queue and move task.
    pub(crate) fn advance(&mut self, step: &mut Step) {
        self.queues.values_mut().for_each(|queue| queue.advance(step));
        self.work_on_move_tasks(step);
    }

    /// When time next has an effect.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let queues = self.queues.values().filter_map(Queue::next_due);
        queues.chain(self.move_tasks.next_due()).min()
    }
}

/// Creating a queue again is no error if every attribute given has the value it already has.
fn check_same(existing: &QueueAttributes, wanted: &BTreeMap<String, String>) -> Result<(), SqsError> {
    let mut changed = existing.clone();
    for (attribute, value) in wanted {
        changed.set(attribute, value)?;
        if changed != *existing {
            return Err(SqsError::QueueNameExists(attribute.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, name};
    use super::*;

    #[test]
    fn creating_a_queue_again_is_no_error_unless_an_attribute_differs() {
        let mut desk = Desk::new().with_queue("q", &[("VisibilityTimeout", "45")]);
        assert_eq!(desk.create("q", &[("VisibilityTimeout", "45")]), Ok(()));
        assert_eq!(desk.create("q", &[]), Ok(()));
        assert_eq!(
            desk.create("q", &[("VisibilityTimeout", "46")]),
            Err(SqsError::QueueNameExists("VisibilityTimeout".to_owned()))
        );
    }

    #[test]
    fn the_name_of_a_deleted_queue_is_free_after_a_minute() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.store.delete_queue(&name("q"), &mut desk.step).unwrap();
        desk.pass(59);
        assert_eq!(desk.create("q", &[]), Err(SqsError::QueueDeletedRecently));
        desk.pass(1);
        assert_eq!(desk.create("q", &[]), Ok(()));
    }

    #[test]
    fn a_bad_attribute_leaves_the_others_as_they_were() {
        let mut desk = Desk::new().with_queue("q", &[]);
        let wanted = [("DelaySeconds", "5"), ("VisibilityTimeout", "-1")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert!(desk.store.set_attributes(&name("q"), &wanted, &mut desk.step).is_err());
        assert_eq!(desk.queue("q").attributes().delay_seconds, 0);
    }
}
