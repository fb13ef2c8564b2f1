//! The messages of one queue and the orders in which they are found. Every operation is O(log n).

use std::collections::{BTreeSet, HashMap};

use super::message::{Delivery, Message, Sequence, Standing};
use super::order::Order;

#[derive(Debug)]
pub(crate) struct Shelf {
    messages: HashMap<Sequence, (Standing, Message)>,
    visible: Order,
    /// When the hidden ones, delayed or in flight, become visible.
    timers: BTreeSet<(u64, Sequence)>,
    /// All messages by age: what moves through dead-letter queues keeps its age but not its place.
    ages: BTreeSet<(u64, Sequence)>,
    in_flight: usize,
}

impl Shelf {
    pub(crate) fn new(fifo: bool) -> Self {
        Self {
            messages: HashMap::new(),
            visible: Order::new(fifo),
            timers: BTreeSet::new(),
            ages: BTreeSet::new(),
            in_flight: 0,
        }
    }

    pub(crate) fn insert(&mut self, sequence: Sequence, message: Message, now: u64) {
        let standing = message.delivery.standing(now);
        match standing {
            Standing::Visible => self.visible.show(sequence, &message),
            Standing::Delayed => {
                self.timers.insert((message.delivery.visible_at, sequence));
            }
            Standing::InFlight => {
                self.timers.insert((message.delivery.visible_at, sequence));
                self.visible.lock(&message);
                self.in_flight += 1;
            }
        }
        self.ages.insert((message.delivery.enqueued_at, sequence));
        self.messages.insert(sequence, (standing, message));
    }

    pub(crate) fn remove(&mut self, sequence: Sequence) -> Option<Message> {
        let (standing, message) = self.messages.remove(&sequence)?;
        match standing {
            Standing::Visible => self.visible.hide(sequence, &message),
            Standing::Delayed => {
                self.timers.remove(&(message.delivery.visible_at, sequence));
            }
            Standing::InFlight => {
                self.timers.remove(&(message.delivery.visible_at, sequence));
                self.visible.unlock(&message);
                self.in_flight -= 1;
            }
        }
        self.ages.remove(&(message.delivery.enqueued_at, sequence));
        Some(message)
    }

    /// Changes a message's delivery and puts it where it then belongs.
    pub(crate) fn update(
        &mut self,
        sequence: Sequence,
        now: u64,
        change: impl FnOnce(&mut Delivery),
    ) -> Option<Message> {
        let mut message = self.remove(sequence)?;
        change(&mut message.delivery);
        self.insert(sequence, message.clone(), now);
        Some(message)
    }

    /// Makes visible whatever was hidden until now or earlier.
    pub(crate) fn reveal(&mut self, now: u64) {
        while let Some(&(_, sequence)) = self.timers.first().filter(|(at, _)| *at <= now) {
            self.update(sequence, now, |_| {});
        }
    }

    pub(crate) fn get(&self, sequence: Sequence) -> Option<(Standing, &Message)> {
        self.messages.get(&sequence).map(|(standing, message)| (*standing, message))
    }

    /// The next messages to receive, at most `max`.
    pub(crate) fn first_visible(&self, max: usize) -> Vec<Sequence> {
        self.visible.first(max)
    }

    /// The next message to receive.
    pub(crate) fn next_visible(&self) -> Option<(Sequence, Message)> {
        let sequence = *self.first_visible(1).first()?;
        self.get(sequence).map(|(_, message)| (sequence, message.clone()))
    }

    pub(crate) fn has_visible(&self) -> bool {
        !self.visible.is_empty()
    }

    /// The message that was enqueued first, and when.
    pub(crate) fn oldest(&self) -> Option<(u64, Sequence)> {
        self.ages.first().copied()
    }

    /// When the next hidden message becomes visible.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn delayed(&self) -> usize {
        self.timers.len() - self.in_flight
    }

    pub(crate) fn visible(&self) -> usize {
        self.messages.len() - self.timers.len()
    }
}
