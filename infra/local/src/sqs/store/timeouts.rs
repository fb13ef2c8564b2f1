//! What ends with time: delays, visibility timeouts and retention periods.

use super::queue::Queue;
use super::transaction::Transaction;

impl Queue {
    /// Makes messages visible whose timeout has ended, and removes those that are past retention.
    pub(crate) fn process_timeouts(&mut self, tx: &mut Transaction) {
        self.messages.end_timeouts(tx.now);
        while let Some((enqueued_at, sequence)) = self.messages.oldest()
            && enqueued_at + self.retention_ms() <= tx.now
        {
            self.remove(sequence, tx);
        }
        self.wake_long_poll();
    }

    /// When the next timeout or retention period ends.
    pub(crate) fn next_timeout(&self) -> Option<u64> {
        let expiry = self.messages.oldest().map(|(enqueued_at, _)| enqueued_at + self.retention_ms());
        self.messages.next_timeout().into_iter().chain(expiry).min()
    }

    fn retention_ms(&self) -> u64 {
        u64::from(self.attributes.message_retention_period) * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{TestStore, name};

    #[test]
    fn retention_removes_a_message_that_nobody_asks_for() {
        let mut test = TestStore::new().with_queue("q", &[("MessageRetentionPeriod", "60")]);
        test.send_bodies("q", &["a"]);
        assert_eq!(test.store.next_timeout(), Some(test.tx.now + 60_000));
        test.advance_clock(59);
        test.process_timeouts();
        assert_eq!(test.counts("q"), (1, 0, 0));
        test.advance_clock(1);
        test.process_timeouts();
        assert_eq!(test.counts("q"), (0, 0, 0));
        assert_eq!(test.store.next_timeout(), None);
    }

    #[test]
    fn retention_removes_a_message_in_flight_too() {
        let mut test = TestStore::new()
            .with_queue("q", &[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "300")]);
        test.send_bodies("q", &["a"]);
        test.receive("q");
        test.advance_clock(60);
        test.process_timeouts();
        assert_eq!(test.counts("q"), (0, 0, 0));
    }

    #[test]
    fn a_shorter_retention_applies_to_messages_already_in_the_queue() {
        let mut test = TestStore::new().with_queue("q", &[]);
        test.send_bodies("q", &["a"]);
        test.advance_clock(100);
        let shorter = [("MessageRetentionPeriod".to_owned(), "60".to_owned())].into();
        test.store.set_attributes(&name("q"), &shorter, &mut test.tx).unwrap();
        test.process_timeouts();
        assert_eq!(test.counts("q"), (0, 0, 0));
    }
}
