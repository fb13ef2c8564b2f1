//! Receive request attempts of FIFO queues: a consumer that lost the answer to a receive repeats
//! it with the same `ReceiveRequestAttemptId` and gets the same messages, still in flight.
//!
//! Kept in memory only: after a restart the messages come back when their visibility ends.

use std::collections::{HashMap, VecDeque};

use super::message::Standing;
use super::queue::Queue;
use super::receipt::ReceiptHandle;
use super::receiving::Received;
use super::step::Step;
use crate::sqs::limits::DEDUPLICATION_INTERVAL_MS;

#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_id: HashMap<String, Vec<ReceiptHandle>>,
    by_age: VecDeque<(u64, String)>,
}

impl Attempts {
    /// What the attempt received, once: a repeat is remembered anew.
    pub(crate) fn recall(&mut self, id: &str) -> Option<Vec<ReceiptHandle>> {
        let handles = self.by_id.remove(id)?;
        self.by_age.retain(|(_, other)| other != id);
        Some(handles)
    }

    pub(crate) fn remember(&mut self, id: String, handles: Vec<ReceiptHandle>, now: u64) {
        self.by_age.push_back((now, id.clone()));
        self.by_id.insert(id, handles);
    }

    pub(crate) fn forget_old(&mut self, now: u64) {
        let over = |(at, _): &(u64, String)| at + DEDUPLICATION_INTERVAL_MS <= now;
        while let Some((_, id)) = self.by_age.pop_front_if(|attempt| over(attempt)) {
            self.by_id.remove(&id);
        }
    }
}

impl Queue {
    /// The answer to a repeated attempt, if none of its messages was touched since: the same messages
    /// and handles, their visibility anew.
    pub(super) fn receive_again(
        &mut self,
        id: &String,
        visible_at: u64,
        step: &mut Step,
    ) -> Option<Vec<Received>> {
        let handles = self.attempts.recall(id)?;
        if !handles.iter().all(|handle| self.is_held(handle)) {
            return None;
        }
        let held = handles.into_iter().filter_map(|handle| {
            let message = self.hide_until(&handle, visible_at, step)?;
            Some(Received { handle, message })
        });
        let received: Vec<_> = held.collect();
        self.remember_attempt(Some(id), &received, step.now);
        Some(received)
    }

    pub(super) fn remember_attempt(&mut self, id: Option<&String>, received: &[Received], now: u64) {
        if let Some(id) = id.filter(|_| !received.is_empty()) {
            let handles = received.iter().map(|received| received.handle.clone()).collect();
            self.attempts.remember(id.clone(), handles, now);
        }
    }

    fn is_held(&self, handle: &ReceiptHandle) -> bool {
        self.shelf
            .get(handle.sequence)
            .is_some_and(|(standing, message)| standing == Standing::InFlight && handle.is_latest_of(message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Desk, grouped, ten};
    use super::super::receiving::Receive;

    #[test]
    fn a_repeated_attempt_gets_the_same_messages_while_they_are_held() {
        let mut desk = Desk::new().with_queue("q.fifo", &[]);
        desk.send("q.fifo", grouped("g", "a")).unwrap();
        let attempt = Receive { attempt_id: Some("once".to_owned()), ..ten() };
        let lost = desk.receive_as("q.fifo", &attempt);
        desk.pass(20);
        let again = desk.receive_as("q.fifo", &attempt);
        assert_eq!(again[0].handle, lost[0].handle);
        desk.pass(29);
        assert!(desk.receive("q.fifo").is_empty(), "the repeat began its visibility anew");
        desk.delete("q.fifo", &again[0]).unwrap();
        assert!(desk.receive_as("q.fifo", &attempt).is_empty());
    }
}
