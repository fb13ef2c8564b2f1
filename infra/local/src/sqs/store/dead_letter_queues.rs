//! Which queue may be the dead-letter queue of which.

use super::attributes::QueueAttributes;
use super::queue::Queue;
use super::redrive::RedrivePolicy;
use super::store::Store;
use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;

impl Store {
    /// Refuses a redrive policy whose dead-letter queue is missing, of another type, or unwilling.
    pub(super) fn check_redrive(
        &self,
        source: &QueueName,
        attributes: &QueueAttributes,
    ) -> Result<(), SqsError> {
        let Some(policy) = &attributes.redrive_policy else {
            return Ok(());
        };
        let target = &policy.dead_letter_target;
        let refuse = |reason: &str| Err(SqsError::invalid("RedrivePolicy", &policy.to_json(), reason));
        match self.queues.get(target) {
            None => refuse("Dead letter target does not exist."),
            Some(_) if target == source => refuse("Dead letter target must be another queue."),
            Some(_) if target.is_fifo() != source.is_fifo() => {
                refuse("Dead-letter queue must be same type of queue as the source.")
            }
            Some(queue) if !queue.takes_dead_letters_of(source) => {
                refuse("The dead-letter queue's RedriveAllowPolicy does not allow this source queue.")
            }
            Some(_) => Ok(()),
        }
    }

    /// The queues whose redrive policy names `target`.
    pub(crate) fn dead_letter_sources(&self, target: &QueueName) -> Vec<QueueName> {
        let names_target = |queue: &&Queue| {
            queue.redrive_policy().is_some_and(|policy| policy.dead_letter_target == *target)
        };
        self.queues.values().filter(names_target).map(|queue| queue.name.clone()).collect()
    }
}

impl Queue {
    pub(super) fn redrive_policy(&self) -> Option<&RedrivePolicy> {
        self.attributes().redrive_policy.as_ref()
    }

    fn takes_dead_letters_of(&self, source: &QueueName) -> bool {
        self.attributes().redrive_allow_policy.as_ref().is_none_or(|policy| policy.allows(source))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, name, redrive_to};
    use super::*;

    #[test]
    fn a_dead_letter_queue_must_exist_be_willing_and_of_the_same_type() {
        let mut desk = Desk::new()
            .with_queue("q", &[])
            .with_queue("dlq.fifo", &[])
            .with_queue("unwilling", &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]);
        for target in ["missing", "q", "dlq.fifo", "unwilling"] {
            let policy = [("RedrivePolicy".to_owned(), redrive_to(target, 4))].into();
            let refusal = desk.store.set_attributes(&name("q"), &policy, &mut desk.step);
            assert!(matches!(refusal, Err(SqsError::InvalidParameterValue { .. })), "{target}: {refusal:?}");
        }
    }
}
