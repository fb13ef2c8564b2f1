//! The kinds of event.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, VariantArray};

/// The kind of an event: one for each of the three ways in which a conversation ends, and the notices of a destination's
/// health.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, AsRefStr, VariantArray,
)]
pub enum EventKind {
    /// A conversation finished successfully.
    #[serde(rename = "conversation.completed")]
    #[strum(serialize = "conversation.completed")]
    Completed,
    /// It ended early, or nobody answered.
    #[serde(rename = "conversation.disconnected")]
    #[strum(serialize = "conversation.disconnected")]
    Disconnected,
    /// It ended in a failed state.
    #[serde(rename = "conversation.failed")]
    #[strum(serialize = "conversation.failed")]
    Failed,
    /// Several deliveries in a row to a destination ended without success.
    #[serde(rename = "destination.failing")]
    #[strum(serialize = "destination.failing")]
    DestinationFailing,
    /// A delivery to a failing destination succeeded.
    #[serde(rename = "destination.recovered")]
    #[strum(serialize = "destination.recovered")]
    DestinationRecovered,
    /// A destination was disabled because of its failures.
    #[serde(rename = "destination.disabled")]
    #[strum(serialize = "destination.disabled")]
    DestinationDisabled,
}

impl EventKind {
    /// The ways in which a conversation ends, which a destination gets unless it names others.
    pub const LIFECYCLE: [Self; 3] = [Self::Completed, Self::Disconnected, Self::Failed];

    /// Whether it is a notice of a destination's health, not the end of a conversation.
    #[must_use]
    pub fn is_notice(self) -> bool {
        self > Self::Failed
    }
}
