//! Ids. Each is checked once, where it enters, and has its own type from then on.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;

/// Longest id. Ids are parts of table keys (1,024 bytes for a DynamoDB sort key).
pub const MAX_ID_LENGTH: usize = 128;

/// Bytes in an account's and an event's id: 96 bits. Ids are short because every record repeats them, and the record of
/// a success must stay under 1 KB.
const TOKEN_BYTES: usize = 12;

/// Random bytes in a destination's id. It must be unique only within its account.
const DESTINATION_BYTES: usize = 8;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts 1 to [`MAX_ID_LENGTH`] ASCII letters, digits and `-._:`, which table keys allow, but not `.` and
            /// `..`, which a URL's path cannot hold.
            ///
            /// # Errors
            /// Names the field and the rule.
            pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                if is_id(&text) { Ok(Self(text)) } else { Err(Invalid::new($field, ID_RULE)) }
            }

            /// The id as text.
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

pub(crate) const ID_RULE: &str =
    "must be 1 to 128 ASCII letters, digits or the characters - . _ :, and not . or ..";

pub(crate) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
        && ![".", ".."].contains(&text)
}

id!(
    /// The id of a customer's account. Part of every table key, so ids of another account's items find nothing.
    AccountId, "account_id"
);
id!(
    /// The platform's id of a conversation, and the stable key for the customer's own workflows.
    ConversationId, "conversation_id"
);
id!(
    /// The id of a destination: one endpoint for an account's events.
    DestinationId, "destination_id"
);
id!(
    /// The id of a lifecycle event. The same in every attempt and resend; receivers use it to store an event once.
    EventId, "event_id"
);
id!(
    /// The id of a delivery: one event to one destination. Contains the event's id, so it finds the event.
    DeliveryId, "delivery_id"
);
id!(
    /// The id of a recovery.
    RecoveryId, "recovery_id"
);

impl AccountId {
    /// Creates an account's id from random bytes.
    #[must_use]
    pub fn new(randomness: [u8; TOKEN_BYTES]) -> Self {
        Self(format!("acc_{}", hex(&randomness)))
    }
}

impl DestinationId {
    /// Groups that the Delivery Logs list apart, so that a destination with few deliveries is found beside one with many.
    pub const GROUPS: u8 = 8;

    /// Creates a destination's id from random bytes, in the group that has the fewest of the account's `others`. If one
    /// of them was created from the same bytes, it is that one's id.
    #[must_use]
    pub fn new(randomness: [u8; DESTINATION_BYTES], others: &[Self]) -> Self {
        let in_group = |group| {
            let mut bytes = randomness;
            let last = &mut bytes[DESTINATION_BYTES - 1];
            *last = *last - *last % Self::GROUPS + group;
            Self(format!("dst_{}", hex(&bytes)))
        };
        let members = |group: &u8| others.iter().filter(|other| other.group() == *group).count();
        let emptiest = (0..Self::GROUPS).min_by_key(members).unwrap_or_default();
        (0..Self::GROUPS).map(in_group).find(|id| others.contains(id)).unwrap_or_else(|| in_group(emptiest))
    }

    /// The destination's group, from 0 to [`Self::GROUPS`] - 1.
    #[must_use]
    pub fn group(&self) -> u8 {
        last_digit(&self.0) % Self::GROUPS
    }
}

impl ConversationId {
    /// Creates the id of a fictitious conversation, for a test event, from random bytes.
    #[must_use]
    pub fn of_test(randomness: [u8; DESTINATION_BYTES]) -> Self {
        Self(format!("test-{}", hex(&randomness)))
    }
}

impl RecoveryId {
    /// Creates a recovery's id from random bytes.
    #[must_use]
    pub fn new(randomness: [u8; TOKEN_BYTES]) -> Self {
        Self(format!("rec_{}", hex(&randomness)))
    }
}

impl EventId {
    const PREFIX: &'static str = "evt_";

    /// Derives the id from the conversation's. A conversation ends once, so a repeat creates no second event.
    #[must_use]
    pub fn of_conversation(account: &AccountId, conversation: &ConversationId) -> Self {
        Self::of(&["event", account.as_str(), conversation.as_str()])
    }

    /// Derives the id of the notice that the destination is in this state since then, so that a change has one notice.
    #[must_use]
    pub fn of_notice(
        account: &AccountId,
        destination: &DestinationId,
        state: &str,
        since: Timestamp,
    ) -> Self {
        Self::of(&["notice", account.as_str(), destination.as_str(), state, &since.as_millis().to_string()])
    }

    fn of(what: &[&str]) -> Self {
        Self(format!("{}{}", Self::PREFIX, hex(&digest(what)[..TOKEN_BYTES])))
    }
}

impl DeliveryId {
    const PREFIX: &'static str = "dlv_";
    /// Hex digits of the event's id within a delivery's id.
    const EVENT_DIGITS: usize = 2 * TOKEN_BYTES;
    /// Hex digits that tell the deliveries of one event apart.
    const OWN_DIGITS: usize = 12;

    /// Derives the id from event and destination, so that a repeated fan-out creates no second delivery.
    #[must_use]
    pub fn of(event: &EventId, destination: &DestinationId) -> Self {
        Self::with(event, &["delivery", event.as_str(), destination.as_str()])
    }

    fn with(event: &EventId, own: &[&str]) -> Self {
        Self(format!("{}{}", Self::before_all_of(event), hex(&digest(own)[..Self::OWN_DIGITS / 2])))
    }

    /// The common prefix of the ids of an event's deliveries: sorts before all of them, and names none.
    #[must_use]
    pub fn before_all_of(event: &EventId) -> Self {
        let event = event.0.strip_prefix(EventId::PREFIX).unwrap_or(&event.0);
        Self(format!("{}{event}", Self::PREFIX))
    }

    /// Derives the id of a resend of this delivery. The same salt always gives the same id; `None` if this is not one
    /// of our delivery ids.
    #[must_use]
    pub fn resend_id(&self, salt: &str) -> Option<Self> {
        Some(Self::with(&self.event_id()?, &["again", self.as_str(), salt]))
    }

    /// The event that this delivery carries; `None` if this is not one of our delivery ids.
    #[must_use]
    pub fn event_id(&self) -> Option<EventId> {
        let digits = self.0.strip_prefix(Self::PREFIX)?;
        let ours = digits.len() == Self::EVENT_DIGITS + Self::OWN_DIGITS
            && digits.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        ours.then(|| EventId(format!("{}{}", EventId::PREFIX, &digits[..Self::EVENT_DIGITS])))
    }
}

/// An unambiguous digest of a list of texts or bytes: each is preceded by its length.
#[must_use]
pub fn digest(parts: &[impl AsRef<[u8]>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts.iter().map(AsRef::as_ref) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The last hexadecimal digit of an id. The digits of an id are random or a digest's, so each is equally frequent.
#[must_use]
pub fn last_digit(id: &str) -> u8 {
    let digit = id.chars().last().and_then(|digit| digit.to_digit(16));
    digit.map_or(0, |digit| digit as u8)
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
        let again = first.resend_id("a").unwrap();
        assert_eq!(again.event_id(), Some(event));
        assert_eq!(first.resend_id("a"), Some(again.clone()));
        assert!(again != first && first.resend_id("b") != Some(again));
    }

    #[test]
    fn destinations_fill_the_groups_evenly() {
        let mut ids: Vec<DestinationId> = Vec::new();
        for round in 1..=3 {
            for number in 0..DestinationId::GROUPS {
                ids.push(DestinationId::new([number.wrapping_mul(97) + round; 8], &ids));
            }
            for group in 0..DestinationId::GROUPS {
                assert_eq!(ids.iter().filter(|id| id.group() == group).count(), usize::from(round));
            }
            let gone = ids.remove(3).group();
            ids.push(DestinationId::new([200 + round; 8], &ids));
            assert_eq!(ids.last().unwrap().group(), gone, "the place of a deleted one is free");
        }
    }

    #[test]
    fn a_destination_that_is_there_is_found_by_the_bytes_it_was_made_from() {
        let mut ids = vec![DestinationId::new([1; 8], &[])];
        let made = DestinationId::new([2; 8], &ids);
        ids.push(made.clone());
        assert_eq!(DestinationId::new([2; 8], &ids), made);
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
    fn what_could_break_a_key_or_a_path_is_refused() {
        for text in ["", "a#b", "a b", "é", "a/b", ".", "..", &"x".repeat(129)] {
            assert_eq!(ConversationId::parse(text).unwrap_err().field, "conversation_id", "{text}");
        }
        for text in ["...", ".a", "a.", "-", "_", ":"] {
            assert!(ConversationId::parse(text).is_ok(), "{text}");
        }
    }
}
