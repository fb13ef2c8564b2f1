//! How a conversation ended.

use serde::{Deserialize, Serialize};

use crate::event::kind::EventKind;
use crate::shared::ids::EventId;
use crate::shared::timestamp::Timestamp;

/// Where a signal of an end comes from.
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
    /// Nobody: the conversation is long past its expected end.
    Schedule,
    /// A customer who tries a destination.
    Test,
}

impl CompletionFlow {
    /// Whether whoever says so says it again when we fail. A provider does not.
    pub(crate) const fn is_retried(self) -> bool {
        match self {
            Self::OutboundCall | Self::Hangup | Self::EventBridge | Self::Test => true,
            Self::Daily | Self::Twilio | Self::Schedule => false,
        }
    }
}

/// How a conversation ended: written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The one event.
    pub event_id: EventId,
    /// How it ended.
    pub kind: EventKind,
    /// Who said so first.
    pub flow: CompletionFlow,
    /// When we accepted it.
    pub at: Timestamp,
}

/// A signal of the end that came after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateSignal {
    /// How it says the conversation ended.
    pub event: EventKind,
    /// Who said so.
    pub flow: CompletionFlow,
    /// When it first came.
    pub at: Timestamp,
}
