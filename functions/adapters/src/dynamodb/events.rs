//! An event as an item: written once, together with the conversation's end, and never changed.

use bytes::Bytes;
use domain::event::kind::EventKind;
use domain::event::lifecycle_event::LifecycleEvent;
use domain::shared::ids::{AccountId, ConversationId, EventId};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Result;
use serde::{Deserialize, Serialize};

use super::item::{Item, compress, decompress, from_item, key, to_item};
use super::record::event_partition;

/// Sort key of the event itself.
pub(super) const EVENT: &str = "event";

/// Sort key of the mark that the event was sent to the queue. The mark is a separate row, because a write costs by the
/// size of its item and a payload can be large.
pub(super) const ANNOUNCED: &str = "announced";

#[derive(Serialize, Deserialize)]
pub(super) struct EventRow {
    event_id: EventId,
    conversation_id: ConversationId,
    event: EventKind,
    accepted_at: u64,
    payload: Bytes,
    pub(super) expires_at: u64,
}

pub(super) fn event_key(account: &AccountId, event: &EventId, sk: &str) -> Item {
    key(event_partition(account, event), sk)
}

/// Converts an event to an item; `None` if the payload does not fit into one.
pub(super) fn event_item(event: &LifecycleEvent, expires_at: u64) -> Result<Option<Item>> {
    let Some(payload) = compress(&event.payload)? else { return Ok(None) };
    let mut item = to_item(&EventRow {
        event_id: event.id.clone(),
        conversation_id: event.conversation_id.clone(),
        event: event.kind,
        accepted_at: event.accepted_at.as_millis(),
        payload: payload.into(),
        expires_at,
    })?;
    item.extend(event_key(&event.account_id, &event.id, EVENT));
    Ok(Some(item))
}

pub(super) fn parse_event(item: Item, account: &AccountId, now: Timestamp) -> Result<Option<LifecycleEvent>> {
    let row: EventRow = from_item(item)?;
    if row.expires_at <= now.as_secs() {
        return Ok(None);
    }
    Ok(Some(LifecycleEvent {
        account_id: account.clone(),
        id: row.event_id,
        conversation_id: row.conversation_id,
        kind: row.event,
        accepted_at: Timestamp::from_millis(row.accepted_at),
        payload: decompress(&row.payload)?.into(),
    }))
}
