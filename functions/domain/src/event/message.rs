//! The message that tells fan-out of an end. Contains ids, never a payload, a phone number or a secret.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, DestinationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;
use crate::shared::unavailable::Result;
use crate::shared::wait::Wait;

/// Tells fan-out to look at a conversation's record: its end is written there, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventMessage {
    /// Version of the message's layout.
    pub v: Version,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The report for which it is sent. If the record does not have it, its sender died before the write.
    pub word: Token,
    /// Tells this message from others of the same report; copies keep it.
    pub id: Token,
    /// When it was first sent, which no copy changes.
    pub sent_at: Timestamp,
    /// How long the queue hides the message until the end has settled.
    #[serde(default, skip_serializing_if = "Wait::is_none")]
    pub settle: Wait,
    /// How long the queue hides this copy after a failure of ours.
    #[serde(default, skip_serializing_if = "Wait::is_none")]
    pub wait: Wait,
}

impl EventMessage {
    /// The conversation's only event.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        EventId::of_conversation(&self.account_id, &self.conversation_id)
    }

    /// How long the queue hides the message.
    #[must_use]
    pub fn delay(&self) -> Wait {
        if self.wait.is_none() { self.settle } else { self.wait }
    }

    /// Returns the copy to send after a failure of our own infrastructure.
    #[must_use]
    pub fn after_failure(&self) -> Self {
        Self { wait: self.wait.after_failure(), ..self.clone() }
    }
}

/// Tells fan-out to look at a destination's health: a change is written there, or is about to be, and a notice reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeMessage {
    /// Version of the message's layout.
    pub v: Version,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The destination whose health changes.
    pub destination_id: DestinationId,
    /// The notice's kind.
    pub event: EventKind,
    /// When the new state began.
    pub since: Timestamp,
    /// How long the queue hides the message.
    pub wait: Wait,
}

impl NoticeMessage {
    /// The notice's event.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        EventId::of_notice(&self.account_id, &self.destination_id, self.event.as_ref(), self.since)
    }

    /// Returns the copy to send after a failure of our own infrastructure.
    #[must_use]
    pub fn after_failure(&self) -> Self {
        Self { wait: self.wait.after_failure(), ..self.clone() }
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

/// The queue to fan-out, for notices.
pub trait NoticeQueue: Send + Sync {
    /// Sends a message, which is hidden for its wait; `Ok` once the queue has accepted it.
    fn send_notice(&self, message: &NoticeMessage) -> impl Future<Output = Result<()>> + Send;
}

/// The queue from ingest to fan-out.
pub trait EventQueue: Send + Sync {
    /// Sends a message, which is hidden for its delay; `Ok` once the queue has accepted it.
    fn send(&self, message: &EventMessage) -> impl Future<Output = Result<()>> + Send;
}
