//! What a provider's callback says of a conversation.

use serde::{Deserialize, Serialize};

use crate::conversation::fields::ConversationFields;
use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::event::kind::EventKind;
use crate::shared::timestamp::Timestamp;

/// One callback, read. Holds phone numbers: no `Debug`.
#[derive(Clone)]
pub struct ProviderCallback {
    /// What the provider calls the conversation.
    pub reference: Reference,
    /// What the provider tells callbacks apart by: a repeat has the same.
    pub id: String,
    /// When it happened, by the provider's clock.
    pub at: Timestamp,
    /// When what it is about began, where it says so: a meeting, a participant's stay in one.
    pub began: Option<Timestamp>,
    /// What happened.
    pub progress: CallProgress,
    /// What it knows of the conversation besides.
    pub known: ConversationFields,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallProgress {
    /// It is being set up, and nobody has answered yet.
    Placed,
    /// Someone answered or joined.
    Answered,
    /// It ended.
    Ended(Ending),
}

/// How a conversation ended, as far as a signal can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Like this.
    As(EventKind),
    /// Completed if someone had answered or joined, and disconnected if nobody had.
    ByAnswer,
}

impl Ending {
    /// The event, by what the record knows.
    #[must_use]
    pub const fn kind(self, conversation: &Conversation) -> EventKind {
        match self {
            Self::As(kind) => kind,
            Self::ByAnswer if conversation.answered_at.is_some() => EventKind::Completed,
            Self::ByAnswer => EventKind::Disconnected,
        }
    }
}
