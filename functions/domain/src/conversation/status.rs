//! The status of a conversation.

use serde::{Deserialize, Serialize};

use crate::event::kind::EventKind;

/// The status of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConversationStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Finished successfully.
    Completed,
    /// Ended early, or nobody answered.
    Disconnected,
    /// Ended in a failed state.
    Failed,
}

impl ConversationStatus {
    /// The event that reports it; `None` while the conversation has not ended.
    #[must_use]
    pub const fn event(self) -> Option<EventKind> {
        match self {
            Self::Pending | Self::InProgress => None,
            Self::Completed => Some(EventKind::Completed),
            Self::Disconnected => Some(EventKind::Disconnected),
            Self::Failed => Some(EventKind::Failed),
        }
    }
}

impl From<EventKind> for ConversationStatus {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Completed => Self::Completed,
            EventKind::Disconnected => Self::Disconnected,
            EventKind::Failed => Self::Failed,
        }
    }
}
