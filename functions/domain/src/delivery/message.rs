//! The messages in the queues: ids, never a payload, a phone number or a secret.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::record::{Delivery, Trigger};
use crate::destination::retry::Retry;
use crate::event::kind::EventKind;
use crate::event::message::{EventMessage, NoticeMessage, Version};
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, RecoveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;
use crate::shared::wait::Wait;

/// A message in one of our queues. A body of another shape or version is rejected, never guessed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// From ingest to fan-out.
    Event(EventMessage),
    /// From delivery to fan-out.
    Notice(NoticeMessage),
    /// From fan-out to delivery.
    Delivery(DeliveryMessage),
    /// From one step of a recovery to the next, in the queue of events.
    Recovery(RecoveryMessage),
}

/// Tells a recovery to take its next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryMessage {
    /// The version of this layout.
    pub v: Version,
    /// The account that owns the recovery.
    pub account_id: AccountId,
    /// The recovery.
    pub recovery_id: RecoveryId,
    /// The number of the step: what another message has taken is not taken again.
    pub step: u32,
    /// How long the queue hides the message.
    #[serde(default, skip_serializing_if = "Wait::is_none")]
    pub wait: Wait,
}

impl RecoveryMessage {
    /// Returns the copy to send after a failure of our own infrastructure.
    #[must_use]
    pub fn after_failure(&self) -> Self {
        Self { wait: self.wait.after_failure(), ..self.clone() }
    }
}

/// A delivery that waits for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryMessage {
    /// The version of this layout.
    pub v: Version,
    /// The account that owns the delivery.
    pub account_id: AccountId,
    /// The delivery's id, which contains the event's.
    pub delivery_id: DeliveryId,
    /// The destination it goes to.
    pub destination_id: DestinationId,
    /// The conversation that ended; a notice has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The kind of event.
    pub event: EventKind,
    /// What created the delivery.
    pub trigger: Trigger,
    /// When the delivery was created, which no copy changes.
    pub created_at: Timestamp,
    /// How long the delivery is retried: what its destination said when the delivery was created.
    #[serde(default, skip_serializing_if = "Retry::is_standard")]
    pub retry: Retry,
    /// When a retry is due that waits in copies of the message, each of which the queue delays for minutes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// How long the queue hides the message.
    #[serde(default, skip_serializing_if = "Wait::is_none")]
    pub wait: Wait,
}

impl From<Delivery> for DeliveryMessage {
    fn from(delivery: Delivery) -> Self {
        let Delivery { account_id, id, destination_id, conversation_id, event, trigger, created_at } =
            delivery;
        Self {
            v: Version,
            account_id,
            delivery_id: id,
            destination_id,
            conversation_id,
            event,
            trigger,
            created_at,
            retry: Retry::Standard,
            due_at: None,
            wait: Wait::NONE,
        }
    }
}

impl DeliveryMessage {
    /// Returns the first message of a delivery that is retried like this.
    #[must_use]
    pub fn new(delivery: Delivery, retry: Retry) -> Self {
        Self { retry, ..delivery.into() }
    }

    /// Returns the copy that waits for the retry that is due at `due_at`.
    #[must_use]
    pub fn waiting_until(&self, due_at: Timestamp, now: Timestamp) -> Self {
        Self { due_at: Some(due_at), wait: Wait::until_due(due_at.since(now)), ..self.clone() }
    }

    /// Returns the copy to send after a failure of our own infrastructure.
    #[must_use]
    pub fn after_failure(&self) -> Self {
        self.waiting(Wait::after_failure)
    }

    /// Returns the copy that waits for its turn, which comes in `span`.
    #[must_use]
    pub fn for_turn(&self, span: Duration) -> Self {
        self.waiting(|wait| wait.for_turn(span))
    }

    /// The wait for a retry that has become due is over: the next one does not follow it.
    fn waiting(&self, next: impl FnOnce(Wait) -> Wait) -> Self {
        let wait = if self.due_at.is_some() { Wait::NONE } else { self.wait };
        Self { wait: next(wait), due_at: None, ..self.clone() }
    }

    /// Returns the delivery that waits.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        Delivery {
            account_id: self.account_id.clone(),
            id: self.delivery_id.clone(),
            destination_id: self.destination_id.clone(),
            conversation_id: self.conversation_id.clone(),
            event: self.event,
            trigger: self.trigger,
            created_at: self.created_at,
        }
    }
}

impl Message {
    /// Parses a message's body.
    ///
    /// # Errors
    /// Why the body is not one of our messages; without its content, which may be anything.
    pub fn parse(body: &str) -> Result<Self, serde_json::Error> {
        // serde also accepts an array of the values in the fields' order, without names.
        if !body.trim_start().starts_with('{') {
            return Err(serde::de::Error::custom("a message must be a JSON object"));
        }
        serde_json::from_str(body)
    }

    /// Serializes the message as a body to send.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // ids and numbers always serialize
    }
}

/// The queue from fan-out to delivery.
pub trait DeliveryQueue: Send + Sync {
    /// Sends the messages, each hidden for its wait. `Ok` means that the queue has every message; after an error, some
    /// may have been sent.
    fn send(&self, messages: &[DeliveryMessage]) -> impl Future<Output = Result<()>> + Send;
}

/// The queue from one step of a recovery to the next.
pub trait RecoveryQueue: Send + Sync {
    /// Sends a message, which is hidden for its wait; `Ok` once the queue has accepted it.
    fn send_step(&self, message: &RecoveryMessage) -> impl Future<Output = Result<()>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fakes::sample;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = Message::Delivery(sample::delivery_message());
        assert_eq!(Message::parse(&message.body()).unwrap(), message);
        let newer = message.body().replace("\"v\":1", "\"v\":2");
        assert!(Message::parse(&newer).is_err());
    }

    /// It has waited for its retry, not for us or for its turn.
    #[test]
    fn a_retry_that_is_due_waits_like_a_message_that_has_not_waited() {
        let now = Timestamp::from_millis(0);
        let due = sample::delivery_message().waiting_until(now + Duration::from_secs(600), now);
        assert_eq!(due.wait.duration().as_secs(), 600);
        for (copy, seconds) in [(due.after_failure(), 10), (due.for_turn(Duration::from_secs(7)), 7)] {
            assert_eq!((copy.wait.duration().as_secs(), copy.due_at), (seconds, None));
        }
    }

    #[test]
    fn what_is_not_ours_does_not_parse() {
        for body in ["", "{}", "[]", "null", "x", r#"{"type":"event"}"#, r#"{"type":"other","v":1}"#] {
            assert!(Message::parse(body).is_err(), "{body}");
        }
    }
}
