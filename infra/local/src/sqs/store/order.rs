//! In which order the visible messages of a queue are received.

use std::collections::BTreeSet;

use super::groups::Groups;
use super::message::{Message, Sequence};

#[derive(Debug)]
pub(crate) enum Order {
    /// By the time they became visible, so that a message that keeps coming back waits its turn
    /// and cannot keep the others from being received.
    Standard(BTreeSet<(u64, Sequence)>),
    Fifo(Groups),
}

impl Order {
    pub(crate) fn new(fifo: bool) -> Self {
        if fifo { Self::Fifo(Groups::default()) } else { Self::Standard(BTreeSet::new()) }
    }

    pub(crate) fn show(&mut self, sequence: Sequence, message: &Message) {
        match self {
            Self::Standard(visible) => {
                visible.insert((message.delivery.visible_at, sequence));
            }
            Self::Fifo(groups) => groups.show(group_of(message), sequence),
        }
    }

    pub(crate) fn hide(&mut self, sequence: Sequence, message: &Message) {
        match self {
            Self::Standard(visible) => {
                visible.remove(&(message.delivery.visible_at, sequence));
            }
            Self::Fifo(groups) => groups.hide(group_of(message), sequence),
        }
    }

    /// Notes that a message went in flight, which locks its group in a FIFO queue.
    pub(crate) fn lock(&mut self, message: &Message) {
        if let Self::Fifo(groups) = self {
            groups.lock(group_of(message));
        }
    }

    /// Notes that a message is no longer in flight.
    pub(crate) fn unlock(&mut self, message: &Message) {
        if let Self::Fifo(groups) = self {
            groups.unlock(group_of(message));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Standard(visible) => visible.is_empty(),
            Self::Fifo(groups) => groups.is_empty(),
        }
    }

    /// The next messages to receive, at most `max`.
    pub(crate) fn first(&self, max: usize) -> Vec<Sequence> {
        match self {
            Self::Standard(visible) => visible.iter().take(max).map(|(_, sequence)| *sequence).collect(),
            Self::Fifo(groups) => groups.first(max),
        }
    }
}

/// Every message of a FIFO queue has a group: `SendMessage` refuses one without.
fn group_of(message: &Message) -> &str {
    message.sent.group.as_deref().unwrap_or_default()
}
