//! Queues in memory that record their calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock::lock;
use crate::delivery::message::{DeliveryMessage, DeliveryQueue, RecoveryMessage, RecoveryQueue};
use crate::delivery::received::{Receipt, Visibility};
use crate::event::message::{EventMessage, EventQueue, NoticeMessage, NoticeQueue};
use crate::shared::unavailable::{Result, Unavailable};

struct State<T> {
    sent: Vec<T>,
    steps: Vec<RecoveryMessage>,
    notices: Vec<NoticeMessage>,
    postponed: Vec<(Receipt, Duration)>,
    fails: bool,
}

/// A queue that records the messages sent to it.
pub struct MemoryQueue<T>(Arc<Mutex<State<T>>>);

impl<T> Default for MemoryQueue<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            sent: Vec::new(),
            steps: Vec::new(),
            notices: Vec::new(),
            postponed: Vec::new(),
            fails: false,
        })))
    }
}

impl<T> Clone for MemoryQueue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> MemoryQueue<T> {
    /// Returns every sent message, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<T> {
        lock(&self.0).sent.clone()
    }

    /// Returns every sent step of a recovery, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<RecoveryMessage> {
        lock(&self.0).steps.clone()
    }

    /// Returns every notice's message, in order.
    #[must_use]
    pub fn notices(&self) -> Vec<NoticeMessage> {
        lock(&self.0).notices.clone()
    }

    /// Returns every postponement of a received message, in order.
    #[must_use]
    pub fn postponed(&self) -> Vec<(Receipt, Duration)> {
        lock(&self.0).postponed.clone()
    }

    /// Makes the next send fail.
    pub fn fail_next(&self) {
        lock(&self.0).fails = true;
    }

    fn push(&self, messages: &[T]) -> Result<()> {
        let mut state = lock(&self.0);
        if std::mem::take(&mut state.fails) {
            return Err(Unavailable::new("send a message", "simulated failure"));
        }
        state.sent.extend_from_slice(messages);
        Ok(())
    }
}

impl EventQueue for MemoryQueue<EventMessage> {
    async fn send(&self, message: &EventMessage) -> Result<()> {
        self.push(std::slice::from_ref(message))
    }
}

impl<T: Clone + Send> NoticeQueue for MemoryQueue<T> {
    async fn send_notice(&self, message: &NoticeMessage) -> Result<()> {
        self.push(&[])?;
        lock(&self.0).notices.push(message.clone());
        Ok(())
    }
}

impl DeliveryQueue for MemoryQueue<DeliveryMessage> {
    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        self.push(messages)
    }
}

impl<T: Send> RecoveryQueue for MemoryQueue<T> {
    async fn send_step(&self, message: &RecoveryMessage) -> Result<()> {
        lock(&self.0).steps.push(message.clone());
        Ok(())
    }
}

impl<T: Clone + Send> Visibility for MemoryQueue<T> {
    async fn postpone(&self, receipt: &Receipt, delay: Duration) -> Result<()> {
        lock(&self.0).postponed.push((receipt.clone(), delay));
        Ok(())
    }
}
