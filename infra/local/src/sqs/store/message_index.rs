//! The messages of one queue, found by number, by visibility and by age. Every operation is O(log n).

use std::collections::{BTreeSet, HashMap};

use super::message::{DeliveryState, Message, MessageState, Sequence};

#[derive(Debug, Default)]
pub(crate) struct MessageIndex {
    messages: HashMap<Sequence, (MessageState, Message)>,
    /// By the time at which they became visible, so that a message that is received again and again is
    /// behind the others each time and does not hold them up.
    visible: BTreeSet<(u64, Sequence)>,
    /// Delayed or in flight, by the time at which they become visible.
    hidden: BTreeSet<(u64, Sequence)>,
    /// All messages by age: a dead letter keeps its age but gets a new number.
    ages: BTreeSet<(u64, Sequence)>,
    in_flight: usize,
}

impl MessageIndex {
    pub(crate) fn insert(&mut self, sequence: Sequence, message: Message, now: u64) {
        let state = message.delivery.state_at(now);
        let key = (message.delivery.visible_at, sequence);
        match state {
            MessageState::Visible => self.visible.insert(key),
            MessageState::Delayed | MessageState::InFlight => self.hidden.insert(key),
        };
        if state == MessageState::InFlight {
            self.in_flight += 1;
        }
        self.ages.insert((message.delivery.enqueued_at, sequence));
        self.messages.insert(sequence, (state, message));
    }

    pub(crate) fn remove(&mut self, sequence: Sequence) -> Option<Message> {
        let (state, message) = self.messages.remove(&sequence)?;
        let key = (message.delivery.visible_at, sequence);
        match state {
            MessageState::Visible => self.visible.remove(&key),
            MessageState::Delayed | MessageState::InFlight => self.hidden.remove(&key),
        };
        if state == MessageState::InFlight {
            self.in_flight -= 1;
        }
        self.ages.remove(&(message.delivery.enqueued_at, sequence));
        Some(message)
    }

    /// Changes a message's delivery state, and with it where the message is found.
    pub(crate) fn update(
        &mut self,
        sequence: Sequence,
        now: u64,
        change: impl FnOnce(&mut DeliveryState),
    ) -> Option<Message> {
        let mut message = self.remove(sequence)?;
        change(&mut message.delivery);
        self.insert(sequence, message.clone(), now);
        Some(message)
    }

    /// Makes every message visible whose delay or visibility timeout has ended.
    pub(crate) fn end_timeouts(&mut self, now: u64) {
        while let Some(&(_, sequence)) = self.hidden.first().filter(|(at, _)| *at <= now) {
            self.update(sequence, now, |_| {});
        }
    }

    pub(crate) fn get(&self, sequence: Sequence) -> Option<(MessageState, &Message)> {
        self.messages.get(&sequence).map(|(state, message)| (*state, message))
    }

    /// The next messages to receive, at most `max`.
    pub(crate) fn next_visible(&self, max: usize) -> Vec<Sequence> {
        self.visible.iter().take(max).map(|(_, sequence)| *sequence).collect()
    }

    /// The message that was enqueued first, and when.
    pub(crate) fn oldest(&self) -> Option<(u64, Sequence)> {
        self.ages.first().copied()
    }

    /// When the next hidden message becomes visible.
    pub(crate) fn next_timeout(&self) -> Option<u64> {
        self.hidden.first().map(|(at, _)| *at)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn delayed(&self) -> usize {
        self.hidden.len() - self.in_flight
    }

    pub(crate) fn visible(&self) -> usize {
        self.visible.len()
    }
}
