//! The names of things. An id is checked once, where it enters, and carried as its own type ever after.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::shared::invalid::Invalid;

/// A longer id is refused: ids are parts of table keys (1,024 bytes for a DynamoDB sort key).
pub const MAX_ID_LENGTH: usize = 128;

/// Bytes in an account's and an event's id: 96 bits. Ids are short because every record repeats them, and the record of
/// a success has to stay under 1 KB.
const TOKEN_BYTES: usize = 12;

/// Bytes of chance in a destination's id, which has to be unlike those of its own account only.
const DESTINATION_BYTES: usize = 8;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes 1 to [`MAX_ID_LENGTH`] ASCII letters, digits and `-._:`; nothing else can be part of a table key.
            ///
            /// # Errors
            /// Names the field and the rule.
            pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                if is_id(&text) { Ok(Self(text)) } else { Err(Invalid::new($field, ID_RULE)) }
            }

            /// The id as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) const ID_RULE: &str = "takes 1 to 128 ASCII letters, digits and the characters - . _ :";

pub(crate) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
}

id!(
    /// A customer. Part of every key, so another account's id addresses nothing.
    AccountId, "account_id"
);
id!(
    /// What the platform calls a conversation, and the stable key for the customer's own workflows.
    ConversationId, "conversation_id"
);
id!(
    /// One place an account's events go to.
    DestinationId, "destination_id"
);
id!(
    /// One lifecycle event. The same in every attempt and every resend; receivers use it to store an event once.
    EventId, "event_id"
);
id!(
    /// One event on its way to one destination. Holds the event's id, so that it alone addresses the delivery.
    DeliveryId, "delivery_id"
);

impl AccountId {
    /// A new account's id, from chance.
    #[must_use]
    pub fn new(randomness: [u8; TOKEN_BYTES]) -> Self {
        Self(format!("acc_{}", hex(&randomness)))
    }
}

impl DestinationId {
    /// A new destination's id, from chance.
    #[must_use]
    pub fn new(randomness: [u8; DESTINATION_BYTES]) -> Self {
        Self(format!("dst_{}", hex(&randomness)))
    }
}

impl ConversationId {
    /// A conversation that never was: one that a customer tries a destination with. From chance.
    #[must_use]
    pub fn of_test(randomness: [u8; DESTINATION_BYTES]) -> Self {
        Self(format!("test-{}", hex(&randomness)))
    }
}

impl EventId {
    const PREFIX: &'static str = "evt_";

    /// A conversation ends once, so its event's id follows from its own: a repeated completion cannot make a second one.
    #[must_use]
    pub fn of_conversation(account: &AccountId, conversation: &ConversationId) -> Self {
        let digest = digest(&["event", account.as_str(), conversation.as_str()]);
        Self(format!("{}{}", Self::PREFIX, hex(&digest[..TOKEN_BYTES])))
    }
}

impl DeliveryId {
    const PREFIX: &'static str = "dlv_";
    /// Hex digits of the event's id within a delivery's.
    const EVENT_DIGITS: usize = 2 * TOKEN_BYTES;
    /// Hex digits that tell the deliveries of one event apart.
    const OWN_DIGITS: usize = 12;

    /// Follows from event and destination, so that a fan-out can run twice without making a second delivery.
    #[must_use]
    pub fn of(event: &EventId, destination: &DestinationId) -> Self {
        Self::with(event, &["delivery", event.as_str(), destination.as_str()])
    }

    fn with(event: &EventId, own: &[&str]) -> Self {
        let event = event.0.strip_prefix(EventId::PREFIX).unwrap_or(&event.0);
        Self(format!("{}{event}{}", Self::PREFIX, hex(&digest(own)[..Self::OWN_DIGITS / 2])))
    }

    /// The delivery of the same event that is made again. Of one delivery and salt there is one, however often it is
    /// asked for; `None` for a text that is no delivery id of ours.
    #[must_use]
    pub fn again(&self, salt: &str) -> Option<Self> {
        Some(Self::with(&self.event_id()?, &["again", self.as_str(), salt]))
    }

    /// The event that this delivery carries; `None` for a text that is no delivery id of ours.
    #[must_use]
    pub fn event_id(&self) -> Option<EventId> {
        let digits = self.0.strip_prefix(Self::PREFIX)?;
        let ours = digits.len() == Self::EVENT_DIGITS + Self::OWN_DIGITS
            && digits.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        ours.then(|| EventId(format!("{}{}", EventId::PREFIX, &digits[..Self::EVENT_DIGITS])))
    }
}

/// A digest over a list of texts that no other list has: each is preceded by its length.
pub(crate) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (AccountId, ConversationId, DestinationId) {
        (
            AccountId::parse("acc_1").unwrap(),
            ConversationId::parse("a28e7071-508e-4d45-8887-085531aafaba").unwrap(),
            DestinationId::parse("dst_1").unwrap(),
        )
    }

    #[test]
    fn a_delivery_id_holds_its_event() {
        let (account, conversation, destination) = ids();
        let event = EventId::of_conversation(&account, &conversation);
        let delivery = DeliveryId::of(&event, &destination);
        assert_eq!(delivery.event_id(), Some(event));
    }

    #[test]
    fn a_delivery_that_is_made_again_is_another_one_of_the_same_event() {
        let (account, conversation, destination) = ids();
        let event = EventId::of_conversation(&account, &conversation);
        let first = DeliveryId::of(&event, &destination);
        let again = first.again("a").unwrap();
        assert_eq!(again.event_id(), Some(event));
        assert_eq!(first.again("a"), Some(again.clone()));
        assert!(again != first && first.again("b") != Some(again));
    }

    #[test]
    fn a_foreign_text_names_no_event() {
        for text in ["dlv_", "dlv_zz", "evt_00", "x", &format!("dlv_{}", "A".repeat(36))] {
            assert_eq!(DeliveryId::parse(text).unwrap().event_id(), None, "{text}");
        }
    }

    #[test]
    fn ids_that_differ_in_where_their_parts_end_are_different() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn what_could_break_a_key_is_refused() {
        for text in ["", "a#b", "a b", "é", "a/b", &"x".repeat(129)] {
            assert_eq!(ConversationId::parse(text).unwrap_err().field, "conversation_id", "{text}");
        }
    }
}
