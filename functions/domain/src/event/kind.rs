//! The kinds of lifecycle event.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, VariantArray};

/// The kind of a lifecycle event: one for each of the three ways in which a conversation ends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, AsRefStr, VariantArray,
)]
#[strum(prefix = "conversation.", serialize_all = "snake_case")]
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
