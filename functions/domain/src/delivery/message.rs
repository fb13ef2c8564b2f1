//! What travels through the queues: ids, never a payload, a phone number or a secret.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::record::{Delivery, Trigger};
use crate::event::kind::EventKind;
use crate::event::message::EventMessage;
use crate::event::message::Version;
use crate::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// One message of ours. A body of another shape or version is not ours and is never guessed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// On the way from ingest to fan-out.
    Event(EventMessage),
    /// On the way from fan-out to a destination.
    Delivery(DeliveryMessage),
}

/// A delivery waits for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryMessage {
    /// Layout of this message.
    pub v: Version,
    /// Whose it is.
    pub account_id: AccountId,
    /// The delivery; its id holds the event's.
    pub delivery_id: DeliveryId,
    /// Where it goes.
    pub destination_id: DestinationId,
    /// The conversation that ended.
    pub conversation_id: ConversationId,
    /// How it ended.
    pub event: EventKind,
    /// What made it.
    pub trigger: Trigger,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<Version> for u8 {
    fn from(_: Version) -> Self {
        1
    }
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
        }
    }
}

impl DeliveryMessage {
    /// The delivery that waits.
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
    /// Reads a message's body.
    ///
    /// # Errors
    /// Why it is not one of ours; without its content, which may be anything.
    pub fn parse(body: &str) -> Result<Self, serde_json::Error> {
        // serde takes a list too: the values in the fields' order, with nothing that says which is which.
        if !body.trim_start().starts_with('{') {
            return Err(serde::de::Error::custom("a message is a JSON object"));
        }
        serde_json::from_str(body)
    }

    /// The body to send.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // ids and numbers always serialize
    }
}

/// A queue can delay a message for so long.
pub const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// The queue from fan-out to delivery.
pub trait DeliveryQueue: Send + Sync {
    /// `Ok` once the queue has all of them; after an error some may have been sent. None is seen before `delay`.
    fn send(&self, messages: &[DeliveryMessage], delay: Duration) -> impl Future<Output = Result<()>> + Send;
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

    #[test]
    fn what_is_not_ours_does_not_parse() {
        for body in ["", "{}", "[]", "null", "x", r#"{"type":"event"}"#, r#"{"type":"other","v":1}"#] {
            assert!(Message::parse(body).is_err(), "{body}");
        }
    }
}
