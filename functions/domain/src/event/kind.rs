//! The three ways in which a conversation ends.

use serde::{Deserialize, Serialize};

/// The three ways in which a conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// It finished successfully.
    #[serde(rename = "conversation.completed")]
    Completed,
    /// It ended early, or nobody answered.
    #[serde(rename = "conversation.disconnected")]
    Disconnected,
    /// It ended in a failed state.
    #[serde(rename = "conversation.failed")]
    Failed,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Disconnected, Self::Failed];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "conversation.completed",
            Self::Disconnected => "conversation.disconnected",
            Self::Failed => "conversation.failed",
        }
    }
}
