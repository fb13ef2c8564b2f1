//! What time does to the messages of a queue.

use super::queue::Queue;
use super::step::{Change, Step};

impl Queue {
    /// Lets time have its effects: hidden messages come back, old ones are gone.
    pub(crate) fn advance(&mut self, step: &mut Step) {
        self.shelf.reveal(step.now);
        while let Some((enqueued_at, sequence)) = self.shelf.oldest()
            && enqueued_at + self.retention_ms() <= step.now
        {
            self.take(sequence, step);
        }
        while let Some(key) = self.deduplication.forget_one(step.now) {
            step.record(Change::Forget(self.name.clone(), key));
        }
        self.attempts.forget_old(step.now);
        self.announce();
    }

    /// When time next has an effect on the messages.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let expiry = self.shelf.oldest().map(|(enqueued_at, _)| enqueued_at + self.retention_ms());
        self.shelf.next_timer().into_iter().chain(expiry).min()
    }

    fn retention_ms(&self) -> u64 {
        u64::from(self.attributes().message_retention_period) * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, bodies, name};

    #[test]
    fn retention_removes_a_message_nobody_looks_at() {
        let mut desk = Desk::new().with_queue("q", &[("MessageRetentionPeriod", "60")]);
        desk.send_bodies("q", &["a"]);
        assert_eq!(desk.store.next_due(), Some(desk.step.now + 60_000));
        desk.pass(59);
        desk.keep_time();
        assert_eq!(desk.counts("q"), (1, 0, 0));
        desk.pass(1);
        desk.keep_time();
        assert_eq!(desk.counts("q"), (0, 0, 0));
        assert_eq!(desk.store.next_due(), None);
    }

    #[test]
    fn retention_removes_a_message_in_flight_too() {
        let mut desk =
            Desk::new().with_queue("q", &[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "300")]);
        desk.send_bodies("q", &["a"]);
        desk.receive("q");
        desk.pass(60);
        desk.keep_time();
        assert_eq!(desk.counts("q"), (0, 0, 0));
    }

    #[test]
    fn a_shorter_retention_holds_for_messages_already_there() {
        let mut desk = Desk::new().with_queue("q", &[]);
        desk.send_bodies("q", &["a"]);
        desk.pass(100);
        let shorter = [("MessageRetentionPeriod".to_owned(), "60".to_owned())].into();
        desk.store.set_attributes(&name("q"), &shorter, &mut desk.step).unwrap();
        desk.keep_time();
        assert_eq!(desk.counts("q"), (0, 0, 0));
    }

    #[test]
    fn hidden_messages_are_counted_by_why_they_are_hidden() {
        let mut desk = Desk::new().with_queue("q", &[("DelaySeconds", "5")]);
        desk.send_bodies("q", &["a", "b"]);
        assert_eq!(desk.counts("q"), (0, 0, 2));
        desk.pass(5);
        assert_eq!(bodies(&desk.receive("q")), ["a", "b"]);
        assert_eq!(desk.counts("q"), (0, 2, 0));
        desk.pass(30);
        desk.keep_time();
        assert_eq!(desk.counts("q"), (2, 0, 0));
    }
}
