//! How a conversation ended.

use serde::{Deserialize, Serialize};

use crate::event::kind::EventKind;
use crate::shared::ids::EventId;
use crate::shared::timestamp::Timestamp;

/// A source that reports the end of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionFlow {
    /// The platform's dialer.
    OutboundCall,
    /// Standard hangup handling.
    Hangup,
    /// The platform's event bus.
    EventBridge,
    /// A Daily session.
    Daily,
    /// Twilio's hangup processing.
    Twilio,
    /// The schedule: the conversation is long past its expected end.
    Schedule,
    /// A customer's test event.
    Test,
}

impl CompletionFlow {
    /// Whether the source repeats its report when we fail. A provider does not.
    pub(crate) const fn is_retried(self) -> bool {
        match self {
            Self::OutboundCall | Self::Hangup | Self::EventBridge | Self::Test => true,
            Self::Daily | Self::Twilio | Self::Schedule => false,
        }
    }
}

/// How a conversation ended. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its only event.
    pub event_id: EventId,
    /// How it ended.
    pub kind: EventKind,
    /// The source that reported it first.
    pub flow: CompletionFlow,
    /// When we accepted the report.
    pub at: Timestamp,
    /// When it ended, if a provider reported that: its callback may come seconds later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Timestamp>,
}

impl Ended {
    /// Whether the conversation was over when something else began in its room.
    #[must_use]
    pub fn is_before(&self, began: Timestamp) -> bool {
        self.reported.unwrap_or(self.at) < began
    }
}

/// A report of an end that came after the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateSignal {
    /// How this report says the conversation ended.
    pub event: EventKind,
    /// The source of this report.
    pub flow: CompletionFlow,
    /// When it first came.
    pub at: Timestamp,
}
