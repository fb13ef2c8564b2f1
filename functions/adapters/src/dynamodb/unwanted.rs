//! The row that lists an event that no destination wanted. Other events are listed by their deliveries.

use domain::delivery_log::events::ListedEvent;
use domain::event::kind::EventKind;
use domain::event::lifecycle_event::LifecycleEvent;
use domain::shared::ids::{ConversationId, EventId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Result;
use serde::{Deserialize, Serialize};

use super::item::{Item, key, to_item};
use super::record::{IndexKeys, event_partition};

/// Sort key of the row.
const UNWANTED: &str = "unwanted";

#[derive(Serialize, Deserialize)]
pub(super) struct UnwantedRow {
    event_id: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    event: EventKind,
    created_at: u64,
    expires_at: u64,
}

impl UnwantedRow {
    /// The whole item, with its keys.
    pub(super) fn item(event: &LifecycleEvent) -> Result<Item> {
        let mut item = to_item(&Self {
            event_id: event.id.clone(),
            conversation_id: event.conversation_id.clone(),
            event: event.kind,
            created_at: event.accepted_at.as_millis(),
            expires_at: event.until.as_secs(),
        })?;
        item.extend(to_item(&IndexKeys::of_unwanted(event))?);
        item.extend(key(event_partition(&event.account_id, &event.id), UNWANTED));
        Ok(item)
    }

    /// Whether an item is such a row.
    pub(super) fn is(item: &Item) -> bool {
        item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == UNWANTED)
    }
}

impl From<UnwantedRow> for ListedEvent {
    fn from(UnwantedRow { event_id, conversation_id, event, created_at, .. }: UnwantedRow) -> Self {
        let created_at = Timestamp::from_millis(created_at);
        Self { id: event_id, conversation_id, kind: event, created_at, deliveries: Vec::new() }
    }
}
