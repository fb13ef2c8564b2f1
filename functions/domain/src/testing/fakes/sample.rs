//! One of each noun, for tests that need some.
#![expect(clippy::unwrap_used, reason = "constants that are known to be good")]

use super::GlassVault;
use crate::delivery::message::DeliveryMessage;
use crate::delivery::record::{Delivery, Trigger};
use crate::destination::headers::ExtraHeaders;
use crate::destination::record::{Destination, DestinationName, DestinationStatus, EventChoice, RequestType};
use crate::destination::secrets::Open;
use crate::destination::signature::{Secrets, SigningSecret};
use crate::destination::target_url::TargetUrl;
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::message::EventMessage;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId};
use crate::shared::timestamp::Timestamp;

/// An account.
#[must_use]
pub fn account() -> AccountId {
    AccountId::parse("acc_1").unwrap()
}

/// A conversation's id.
#[must_use]
pub fn conversation_id() -> ConversationId {
    ConversationId::parse("a28e7071-508e-4d45-8887-085531aafaba").unwrap()
}

/// An enabled destination that is sent POST requests.
#[must_use]
pub fn destination(id: &str) -> Destination {
    GlassVault::close(open_destination(id))
}

/// The same with its secrets.
#[must_use]
pub fn open_destination(id: &str) -> Destination<Open> {
    Destination {
        account_id: account(),
        id: DestinationId::parse(id).unwrap(),
        name: DestinationName::parse("CRM").unwrap(),
        url: TargetUrl::from_stored("https://example.com/hooks?tenant=7").unwrap(),
        request_type: RequestType::Post,
        status: DestinationStatus::Enabled,
        events: EventChoice::default(),
        private: Open {
            headers: ExtraHeaders::default(),
            secrets: Secrets::new(SigningSecret::new([7; 32])),
        },
        created_at: Timestamp::from_millis(1),
        updated_at: Timestamp::from_millis(1),
    }
}

/// The event of [`conversation_id`].
#[must_use]
pub fn event(payload: &str) -> LifecycleEvent {
    LifecycleEvent {
        account_id: account(),
        id: EventId::of_conversation(&account(), &conversation_id()),
        conversation_id: conversation_id(),
        kind: EventKind::Completed,
        accepted_at: Timestamp::from_millis(1_756_720_060_200),
        payload: payload.to_owned().into(),
    }
}

/// The message that announces [`event`].
#[must_use]
pub fn event_message() -> EventMessage {
    EventMessage::from(&event("{}"))
}

/// The delivery of [`event`] to the destination `dst_1`.
#[must_use]
pub fn delivery() -> Delivery {
    let event = event("{}");
    let destination_id = DestinationId::parse("dst_1").unwrap();
    Delivery {
        account_id: account(),
        id: DeliveryId::of(&event.id, &destination_id),
        destination_id,
        conversation_id: conversation_id(),
        event: EventKind::Completed,
        trigger: Trigger::Lifecycle,
        created_at: event.accepted_at,
    }
}

/// The message of [`delivery`].
#[must_use]
pub fn delivery_message() -> DeliveryMessage {
    delivery().into()
}
