//! What callers do with message move tasks: start, list and cancel them.

use uuid::Uuid;

use super::move_task::{MoveTask, Status};
use super::step::Step;
use super::store::Store;
use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;

const NO_SOURCE: SqsError =
    SqsError::ResourceNotFound("The resource that you specified for the SourceArn parameter doesn't exist.");
const NO_DESTINATION: SqsError = SqsError::ResourceNotFound(
    "The resource that you specified for the DestinationArn parameter doesn't exist.",
);
const NO_TASK: SqsError = SqsError::ResourceNotFound("Task does not exist.");

impl Store {
    pub(crate) fn start_move_task(
        &mut self,
        source: &QueueName,
        destination: Option<QueueName>,
        rate: Option<u32>,
        step: &mut Step,
    ) -> Result<String, SqsError> {
        self.check_move(source, destination.as_ref())?;
        let queue = self.queue(source)?;
        queue.advance(step);
        let to_move = queue.shelf().visible();
        self.move_tasks.forget_oldest(source, step);
        let handle = Uuid::new_v4().to_string();
        let task = MoveTask {
            handle: handle.clone(),
            source: source.clone(),
            destination,
            rate,
            status: Status::Running,
            moved: 0,
            to_move,
            started_at: step.now,
            next_at: step.now,
        };
        self.move_tasks.put(task, step);
        Ok(handle)
    }

    fn check_move(&self, source: &QueueName, destination: Option<&QueueName>) -> Result<(), SqsError> {
        if !self.queues.contains_key(source) {
            return Err(NO_SOURCE);
        }
        if destination.is_some_and(|name| !self.queues.contains_key(name)) {
            return Err(NO_DESTINATION);
        }
        if destination.is_some_and(|name| name == source || name.is_fifo() != source.is_fifo()) {
            let reason = "The destination must be another queue of the source's type.";
            return Err(SqsError::UnsupportedOperation(reason.to_owned()));
        }
        if self.dead_letter_sources(source).is_empty() {
            let reason = "Source queue must be configured as a Dead Letter Queue.";
            return Err(SqsError::invalid("SourceArn", &source.arn(), reason));
        }
        if self.move_tasks.running().any(|task| task.source == *source) {
            let reason = "There is already a task running. Only one active task is allowed for a source queue arn at a given time.";
            return Err(SqsError::UnsupportedOperation(reason.to_owned()));
        }
        Ok(())
    }

    /// The tasks of a source queue, the most recent first.
    pub(crate) fn list_move_tasks(&self, source: &QueueName, max: usize) -> Result<Vec<MoveTask>, SqsError> {
        if self.queues.contains_key(source) {
            Ok(self.move_tasks.of_source(source).take(max).cloned().collect())
        } else {
            Err(NO_SOURCE)
        }
    }

    /// Stops a running task and says how many messages it had moved.
    pub(crate) fn cancel_move_task(&mut self, handle: &str, step: &mut Step) -> Result<usize, SqsError> {
        let task = self.move_tasks.find(handle).ok_or(NO_TASK)?;
        if task.status != Status::Running {
            return Err(SqsError::UnsupportedOperation("Only a running task can be cancelled.".to_owned()));
        }
        let task = MoveTask { status: Status::Cancelled, ..task.clone() };
        let moved = task.moved;
        self.move_tasks.put(task, step);
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::name;
    use super::super::moving::tests::{desk, start};
    use super::*;

    #[test]
    fn only_a_dead_letter_queue_can_be_the_source() {
        let mut desk = desk();
        let refusal = desk.store.start_move_task(&name("q"), None, None, &mut desk.step);
        assert!(matches!(refusal, Err(SqsError::InvalidParameterValue { .. })));
    }

    #[test]
    fn no_more_tasks_are_kept_than_are_shown() {
        let mut desk = desk();
        for _ in 0..12 {
            start(&mut desk, None, None).unwrap();
            desk.keep_time();
            desk.pass(1);
        }
        assert_eq!(desk.store.list_move_tasks(&name("dlq"), 100).unwrap().len(), 10);
    }
}
