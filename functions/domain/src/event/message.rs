//! The message that announces a lifecycle event. Contains ids, never a payload, a phone number or a secret.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;
use crate::shared::wait::Wait;

/// Announces a lifecycle event to fan-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventMessage {
    /// Version of the message's layout.
    pub v: Version,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The event.
    pub event_id: EventId,
    /// The conversation that ended.
    pub conversation_id: ConversationId,
    /// How it ended.
    pub event: EventKind,
    /// When it was accepted, which no copy changes.
    pub accepted_at: Timestamp,
    /// How long the queue hides the message.
    #[serde(default, skip_serializing_if = "Wait::is_none")]
    pub wait: Wait,
}

impl EventMessage {
    /// Returns the copy to send after a failure of our own infrastructure.
    #[must_use]
    pub fn after_failure(&self) -> Self {
        Self { wait: self.wait.after_failure(), ..self.clone() }
    }
}

impl From<&LifecycleEvent> for EventMessage {
    fn from(event: &LifecycleEvent) -> Self {
        Self {
            v: Version,
            account_id: event.account_id.clone(),
            event_id: event.id.clone(),
            conversation_id: event.conversation_id.clone(),
            event: event.kind,
            accepted_at: event.accepted_at,
            wait: Wait::NONE,
        }
    }
}

/// The only layout version: 1. Any other number fails to parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Version;

impl TryFrom<u8> for Version {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("version {number} is not supported")) }
    }
}

impl From<Version> for u8 {
    fn from(_: Version) -> Self {
        1
    }
}

/// The queue from ingest to fan-out.
pub trait EventQueue: Send + Sync {
    /// Sends a message, which is hidden for its wait; `Ok` once the queue has accepted it.
    fn send(&self, message: &EventMessage) -> impl Future<Output = Result<()>> + Send;
}
