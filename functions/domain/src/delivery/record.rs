//! One event on its way to one destination, and the records that are kept of it.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, IntoStaticStr, VariantArray};

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId};
use crate::shared::timestamp::Timestamp;

/// What every record of a delivery says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its id.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination_id: DestinationId,
    /// The conversation that ended.
    pub conversation_id: ConversationId,
    /// How it ended.
    pub event: EventKind,
    /// What made it.
    pub trigger: Trigger,
    /// When it was made; deliveries are listed by it.
    pub created_at: Timestamp,
}

/// What makes a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A conversation ended.
    Lifecycle,
    /// A customer asked for the same event again.
    Resend,
    /// A customer tries a destination.
    Test,
}

/// Where a delivery stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryStatus {
    /// Its first attempt is under way.
    Pending,
    /// An attempt failed and another will follow.
    Retrying,
    /// A 2xx came back.
    Delivered,
    /// The last attempt failed.
    Exhausted,
    /// The destination was disabled when the event came.
    Skipped,
    /// The destination was disabled or deleted, or the event was no longer kept, before an attempt succeeded.
    Cancelled,
}

impl DeliveryStatus {
    /// Whether there will be no further attempt.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Retrying)
    }
}
