//! One event on its way to one destination.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, IntoStaticStr, VariantArray};

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId};
use crate::shared::timestamp::Timestamp;

/// The facts that every record of a delivery repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The account that owns it.
    pub account_id: AccountId,
    /// Its id.
    pub id: DeliveryId,
    /// The destination it goes to.
    pub destination_id: DestinationId,
    /// The conversation that ended; a notice has none.
    pub conversation_id: Option<ConversationId>,
    /// The kind of event.
    pub event: EventKind,
    /// What created it.
    pub trigger: Trigger,
    /// When it was created; deliveries are listed in this order.
    pub created_at: Timestamp,
}

impl Delivery {
    /// The id of the delivery that its event left with to this destination: its own, unless a customer has asked for it.
    #[must_use]
    pub fn original_id(&self) -> Option<DeliveryId> {
        Some(DeliveryId::of(&self.id.event_id()?, &self.destination_id))
    }
}

/// What created a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Trigger {
    /// A conversation ended.
    Lifecycle,
    /// A customer asked for the same event again.
    Resend,
    /// A customer asked for the same event again, with the payload made anew from the conversation's record.
    ResendLatest,
    /// A customer tested a destination.
    Test,
}

/// The status of a delivery.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryStatus {
    /// The first attempt is in progress.
    Pending,
    /// An attempt failed and another will follow.
    Retrying,
    /// A 2xx came back.
    Delivered,
    /// The last attempt failed.
    Exhausted,
    /// The destination was disabled, or its account suspended, when the event left.
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
