//! Receipt handles: each names one receive of one message.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::message::{Message, Sequence};
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;

/// One receive of one message. The sequence finds the message, the id proves that it is the same one
/// (a file can be deleted and made again), and the count tells this receive from later ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReceiptHandle {
    queue: String,
    pub(crate) sequence: Sequence,
    message_id: String,
    receives: u32,
}

impl ReceiptHandle {
    pub(crate) fn new(queue: &QueueName, sequence: Sequence, message: &Message) -> Self {
        Self {
            queue: queue.as_str().to_owned(),
            sequence,
            message_id: message.sent.id.clone(),
            receives: message.delivery.receives,
        }
    }

    /// Reads a handle that `queue` has issued; any other text is invalid.
    pub(crate) fn parse(text: &str, queue: &QueueName) -> Result<Self, SqsError> {
        Self::decode(text)
            .filter(|handle| handle.queue == queue.as_str())
            .ok_or(SqsError::ReceiptHandleIsInvalid)
    }

    fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
        let mut parts = plain.split('/');
        let handle = Self {
            queue: parts.next()?.to_owned(),
            sequence: Sequence::from_number(parts.next()?.parse().ok()?),
            message_id: parts.next()?.to_owned(),
            receives: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(handle)
    }

    /// The text that consumers get.
    pub(crate) fn encode(&self) -> String {
        // No part contains the separator: a queue name, a number, a UUID, a number.
        let Self { queue, sequence, message_id, receives } = self;
        BASE64_STANDARD.encode(format!("{queue}/{}/{message_id}/{receives}", sequence.number()))
    }

    /// Whether this is the most recent receive of `message`.
    pub(crate) fn is_latest_of(&self, message: &Message) -> bool {
        self.message_id == message.sent.id && self.receives == message.delivery.receives
    }
}
