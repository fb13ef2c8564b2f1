//! Message move tasks and the list of them. What a task does is in moving.rs.

use serde::{Deserialize, Serialize};

use super::step::{Change, Step};
use crate::sqs::limits;
use crate::sqs::name::QueueName;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MoveTask {
    pub(crate) handle: String,
    pub(crate) source: QueueName,
    /// Each message's own source queue, if none is given.
    pub(crate) destination: Option<QueueName>,
    /// Messages per second, if the caller set it.
    pub(crate) rate: Option<u32>,
    pub(crate) status: Status,
    pub(crate) moved: usize,
    pub(crate) to_move: usize,
    /// Epoch milliseconds.
    pub(crate) started_at: u64,
    pub(super) next_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Status {
    Running,
    Completed,
    Cancelled,
    Failed(FailureReason),
}

/// In SQS's words (developer guide, "Troubleshooting dead-letter queue redrive").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum FailureReason {
    /// A message was sent to the dead-letter queue itself, so there is no way back.
    CouldNotDetermineMessageSource,
    NonExistentQueue,
}

/// The tasks of all queues, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct MoveTasks(Vec<MoveTask>);

impl MoveTasks {
    pub(super) fn restore(&mut self, mut tasks: Vec<MoveTask>) {
        tasks.sort_by_key(|task| task.started_at);
        self.0 = tasks;
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.running().map(|task| task.next_at).min()
    }

    pub(super) fn forget_source(&mut self, source: &QueueName, step: &mut Step) {
        self.forget(step, |task| task.source == *source);
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &MoveTask> {
        self.0.iter().filter(|task| task.status == Status::Running)
    }

    pub(super) fn of_source<'a>(&'a self, source: &'a QueueName) -> impl Iterator<Item = &'a MoveTask> {
        self.0.iter().rev().filter(move |task| task.source == *source)
    }

    pub(super) fn find(&self, handle: &str) -> Option<&MoveTask> {
        self.0.iter().find(|task| task.handle == handle)
    }

    pub(super) fn put(&mut self, task: MoveTask, step: &mut Step) {
        step.record(Change::PutMoveTask(task.clone()));
        match self.0.iter_mut().find(|other| other.handle == task.handle) {
            Some(place) => *place = task,
            None => self.0.push(task),
        }
    }

    /// Makes room for one more task of `source`: no more are kept than `ListMessageMoveTasks` shows.
    pub(super) fn forget_oldest(&mut self, source: &QueueName, step: &mut Step) {
        let others = *limits::MOVE_TASK_RESULTS.end() as usize - 1;
        let kept: Vec<_> = self.of_source(source).take(others).map(|task| task.handle.clone()).collect();
        self.forget(step, |task| task.source == *source && !kept.contains(&task.handle));
    }

    fn forget(&mut self, step: &mut Step, mut is_over: impl FnMut(&MoveTask) -> bool) {
        for task in self.0.extract_if(.., |task| is_over(task)) {
            step.record(Change::DeleteMoveTask(task.handle));
        }
    }
}
