//! A provider's callback, in the same form for all providers.

use serde::{Deserialize, Serialize};

use crate::conversation::fields::ConversationFields;
use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::event::kind::EventKind;
use crate::shared::timestamp::Timestamp;

/// One parsed callback. Contains phone numbers: no `Debug`.
#[derive(Clone)]
pub struct ProviderCallback {
    /// The provider's reference to the conversation.
    pub reference: Reference,
    /// Its id under the reference; a repeat has the same.
    pub id: String,
    /// When it happened, or else when it arrived.
    pub at: Timestamp,
    /// When the meeting began that it is about, or the earliest moment in it that the callback tells.
    pub began: Option<Timestamp>,
    /// The progress that it reports.
    pub progress: CallProgress,
    /// What else it says about the conversation.
    pub known: ConversationFields,
}

/// The progress of a call or meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallProgress {
    /// It is being set up, and nobody has answered yet.
    Placed,
    /// Someone answered or joined.
    Answered,
    /// A leg of it failed. Another may still be answered.
    LegFailed,
    /// It ended.
    Ended(Ending),
    /// A recording of it is ready, which is often after the end.
    Recorded,
}

/// How a conversation ended, as far as a callback can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// In this way.
    As(EventKind),
    /// Completed if someone had answered or joined. If nobody had, failed if a leg had failed, else disconnected.
    ByAnswer,
}

impl Ending {
    /// The kind of event, depending on the record.
    #[must_use]
    pub const fn kind(self, conversation: &Conversation) -> EventKind {
        match self {
            Self::As(kind) => kind,
            Self::ByAnswer if conversation.answered_at.is_some() => EventKind::Completed,
            Self::ByAnswer if conversation.failed_leg.is_some() => EventKind::Failed,
            Self::ByAnswer => EventKind::Disconnected,
        }
    }
}
