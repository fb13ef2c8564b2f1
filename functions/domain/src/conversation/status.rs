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

    /// The status after an end of this kind; `None` for a notice, which is no end.
    #[must_use]
    pub fn after(kind: EventKind) -> Option<Self> {
        [Self::Completed, Self::Disconnected, Self::Failed]
            .into_iter()
            .find(|status| status.event() == Some(kind))
    }
}
