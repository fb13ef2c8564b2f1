//! Events as the Delivery Logs list them: with the deliveries that they left with.

use crate::delivery::state::Summary;
use crate::delivery_log::position::Position;
use crate::event::kind::EventKind;
use crate::shared::ids::{ConversationId, DeliveryId, EventId};
use crate::shared::timestamp::Timestamp;

/// An event in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEvent {
    /// Its id.
    pub id: EventId,
    /// The conversation that ended; a notice has none.
    pub conversation_id: Option<ConversationId>,
    /// How it ended, or of what it is a notice.
    pub kind: EventKind,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The deliveries that fan-out made of it, or the one of a test, without those that a customer asked for since.
    /// Empty if no destination wanted it.
    pub deliveries: Vec<Summary>,
}

impl ListedEvent {
    /// The place in the log after which older events follow.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { created_at: self.created_at, delivery_id: DeliveryId::before_all_of(&self.id) }
    }
}

/// A page of events, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPage {
    /// The events. A page may hold fewer than the limit although more follow: a search reads a bounded number of rows.
    pub events: Vec<ListedEvent>,
    /// Where the next page continues; `None` on the last page.
    pub next: Option<Position>,
}
