//! What message move tasks do: bring dead letters back, or elsewhere, at a given rate.

use uuid::Uuid;

use super::move_task::{FailureReason, MoveTask, Status};
use super::step::Step;
use super::store::Store;
use crate::sqs::limits;

/// A task moves its messages of a second together, so this is also its period.
const PERIOD_MS: u64 = 1_000;

impl Store {
    /// Lets every running task that is due move its messages of this second.
    pub(super) fn work_on_move_tasks(&mut self, step: &mut Step) {
        let due: Vec<_> =
            self.move_tasks.running().filter(|task| task.next_at <= step.now).cloned().collect();
        for mut task in due {
            let quota = task.rate.unwrap_or(*limits::MOVE_RATE.end());
            for _ in 0..quota {
                if task.status == Status::Running {
                    self.move_one(&mut task, step);
                }
            }
            task.next_at = step.now + PERIOD_MS;
            self.move_tasks.put(task, step);
        }
    }

    fn move_one(&mut self, task: &mut MoveTask, step: &mut Step) {
        let next = self.queues.get(&task.source).and_then(|queue| queue.shelf().next_visible());
        let Some((sequence, message)) = next.filter(|_| task.moved < task.to_move) else {
            task.status = Status::Completed;
            return;
        };
        let destination = task.destination.clone().or_else(|| message.delivery.dead_letter_source.clone());
        let Some(destination) = destination else {
            task.status = Status::Failed(FailureReason::CouldNotDetermineMessageSource);
            return;
        };
        // Only once it is clear that there is a queue to take it does the message leave this one.
        let Some(destination) = self.queues.get_mut(&destination) else {
            task.status = Status::Failed(FailureReason::NonExistentQueue);
            return;
        };
        destination.exhume(&message, Uuid::new_v4(), step);
        if let Some(source) = self.queues.get_mut(&task.source) {
            source.take(sequence, step);
        }
        task.moved += 1;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::fixture::{Desk, bodies, name, redrive_to};
    use super::*;
    use crate::sqs::error::SqsError;

    /// Three dead letters of `q`.
    pub(in crate::sqs::store) fn desk() -> Desk {
        let mut desk =
            Desk::new().with_queue("dlq", &[]).with_queue("q", &[("RedrivePolicy", &redrive_to("dlq", 1))]);
        desk.send_bodies("q", &["a", "b", "c"]);
        desk.receive("q");
        desk.pass(30);
        assert!(desk.receive("q").is_empty());
        desk
    }

    pub(in crate::sqs::store) fn start(
        desk: &mut Desk,
        destination: Option<&str>,
        rate: Option<u32>,
    ) -> Result<String, SqsError> {
        desk.store.start_move_task(&name("dlq"), destination.map(name), rate, &mut desk.step)
    }

    fn latest(desk: &Desk) -> (Status, usize) {
        let task = desk.store.list_move_tasks(&name("dlq"), 1).unwrap().remove(0);
        (task.status, task.moved)
    }

    #[test]
    fn dead_letters_go_back_as_new_messages() {
        let mut desk = desk();
        start(&mut desk, None, None).unwrap();
        assert_eq!(desk.store.next_due(), Some(desk.step.now), "the timekeeper does the work");
        desk.keep_time();
        assert_eq!(latest(&desk), (Status::Completed, 3));
        let received = desk.receive("q");
        assert_eq!(bodies(&received), ["a", "b", "c"]);
        assert_eq!(received[0].message.delivery.receive_count(), 1);
        assert_eq!(received[0].message.delivery.enqueued_at, desk.step.now);
    }

    #[test]
    fn a_task_keeps_to_its_rate_and_stops_when_cancelled() {
        let mut desk = desk();
        let handle = start(&mut desk, None, Some(1)).unwrap();
        assert!(start(&mut desk, None, None).is_err(), "one task at a time");
        desk.keep_time();
        desk.keep_time();
        assert_eq!(latest(&desk), (Status::Running, 1));
        desk.pass(1);
        desk.keep_time();
        assert_eq!(desk.store.cancel_move_task(&handle, &mut desk.step), Ok(2));
        desk.pass(1);
        desk.keep_time();
        assert_eq!(latest(&desk), (Status::Cancelled, 2));
        assert_eq!(desk.counts("dlq"), (1, 0, 0));
    }

    #[test]
    fn a_task_whose_destination_is_gone_fails_and_loses_nothing() {
        let mut desk = desk().with_queue("elsewhere", &[]);
        start(&mut desk, Some("elsewhere"), None).unwrap();
        desk.store.delete_queue(&name("elsewhere"), &mut desk.step).unwrap();
        desk.keep_time();
        assert_eq!(latest(&desk), (Status::Failed(FailureReason::NonExistentQueue), 0));
        assert_eq!(desk.counts("dlq"), (3, 0, 0));
    }

    #[test]
    fn a_message_sent_to_the_dead_letter_queue_itself_has_no_way_back() {
        let mut desk = desk();
        desk.send_bodies("dlq", &["direct"]);
        start(&mut desk, None, None).unwrap();
        desk.keep_time();
        assert_eq!(latest(&desk), (Status::Failed(FailureReason::CouldNotDetermineMessageSource), 3));
        assert_eq!(desk.counts("dlq"), (1, 0, 0));
    }
}
