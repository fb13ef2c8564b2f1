//! One sample of each noun, for tests.
#![expect(clippy::unwrap_used, reason = "constants that are known to be valid")]

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;

use super::ledger::RETENTION;
use super::plaintext_vault::PlaintextVault;
use crate::conversation::ended::{CompletionFlow, Ended};
use crate::delivery::message::{DeliveryMessage, RecoveryMessage};
use crate::delivery::record::{Delivery, Trigger};
use crate::destination::agents::AgentFilter;
use crate::destination::headers::ExtraHeaders;
use crate::destination::record::{
    Destination, DestinationName, DestinationStatus, EventFilter, Format, RequestType,
};
use crate::destination::retry::Retry;
use crate::destination::secrets::DestinationSecrets;
use crate::destination::signature::{SigningSecret, SigningSecrets};
use crate::destination::target_url::TargetUrl;
use crate::event::kind::EventKind;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::message::{EventMessage, Version};
use crate::lifecycle::completion::Spans;
use crate::shared::encryption::EncryptionContext;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId, RecoveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;
use crate::shared::wait::Wait;

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

/// A destination's secrets: a signing secret and no extra headers.
#[must_use]
pub fn secrets() -> DestinationSecrets {
    DestinationSecrets {
        headers: ExtraHeaders::default(),
        signing: SigningSecrets::new(SigningSecret::new([7; 32])),
    }
}

/// An enabled destination that takes POST requests, with [`secrets`] in a [`PlaintextVault`].
#[must_use]
pub fn destination(id: &str) -> Destination {
    let id = DestinationId::parse(id).unwrap();
    let secrets =
        secrets().encrypt(&EncryptionContext::destination(&account(), &id), &PlaintextVault).now_or_never();
    Destination {
        account_id: account(),
        id,
        name: DestinationName::parse("CRM").unwrap(),
        url: TargetUrl::from_stored("https://example.com/hooks?tenant=7").unwrap(),
        request_type: RequestType::Post,
        format: Format::Form,
        retry: Retry::Standard,
        status: DestinationStatus::Enabled,
        events: EventFilter::default(),
        include: BTreeSet::new(),
        agents: AgentFilter::default(),
        secrets: secrets.unwrap().unwrap(),
        created_at: Timestamp::from_millis(1),
        updated_at: Timestamp::from_millis(1),
    }
}

/// When [`event`] was accepted, and left.
const ACCEPTED_AT: Timestamp = Timestamp::from_millis(1_756_720_060_200);

/// The event of [`conversation_id`].
#[must_use]
pub fn event(payload: &str) -> LifecycleEvent {
    LifecycleEvent {
        account_id: account(),
        id: EventId::of_conversation(&account(), &conversation_id()),
        conversation_id: Some(conversation_id()),
        kind: EventKind::Completed,
        accepted_at: ACCEPTED_AT,
        left_at: ACCEPTED_AT,
        until: ACCEPTED_AT + RETENTION,
        payload: payload.to_owned().into(),
        metadata: None,
    }
}

/// The final end of [`conversation_id`] that [`event`] reports.
#[must_use]
pub fn ended(flow: CompletionFlow) -> Ended {
    let LifecycleEvent { id, kind, accepted_at, until, .. } = event("{}");
    let words = vec![Token::from("word")];
    Ended { event_id: id, kind, flow, at: accepted_at, reported: None, until, settles_at: None, words }
}

/// Ten seconds for an end to settle, and the usual retention.
pub const SPANS: Spans = Spans { settle: Duration::from_secs(10), retention: RETENTION };

/// The message of [`ended`].
#[must_use]
pub fn event_message() -> EventMessage {
    EventMessage {
        v: Version,
        account_id: account(),
        conversation_id: conversation_id(),
        word: Token::from("word"),
        id: Token::from("message"),
        sent_at: ACCEPTED_AT,
        settle: Wait::NONE,
        wait: Wait::NONE,
    }
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
        conversation_id: Some(conversation_id()),
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

/// The first step of a recovery.
#[must_use]
pub fn recovery_message() -> RecoveryMessage {
    let recovery_id = RecoveryId::new([7; 12]);
    RecoveryMessage { v: Version, account_id: account(), recovery_id, step: 0, wait: Wait::NONE }
}
