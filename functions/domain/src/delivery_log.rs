//! Reading the Delivery Logs: what to look for, and where a page ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::delivery::{DeliveryStatus, Summary};
use crate::event::EventKind;
use crate::ids::{AccountId, ConversationId, DeliveryId, DestinationId};
use crate::invalid::Invalid;
use crate::outcome::OutcomeClass;
use crate::timestamp::Timestamp;

/// Rows of a page, unless the caller asks for another number.
pub const DEFAULT_PAGE: usize = 50;

/// Rows that a caller can ask for.
pub const MAX_PAGE: usize = 100;

/// Bytes of a position's authentication code: half of SHA-256, as RFC 2104 allows.
const CODE_BYTES: usize = 16;

/// Which deliveries a caller wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// To this destination.
    pub destination: Option<DestinationId>,
    /// Of this conversation.
    pub conversation: Option<ConversationId>,
    /// Of this event.
    pub event: Option<EventKind>,
    /// Standing like this.
    pub status: Option<DeliveryStatus>,
    /// Whose latest attempt came to this.
    pub outcome: Option<OutcomeClass>,
    /// Made at this time or later.
    pub from: Option<Timestamp>,
    /// Made before this time.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether a delivery is one of those.
    #[must_use]
    pub fn admits(&self, Summary { delivery, standing }: &Summary) -> bool {
        fn agrees<T: PartialEq>(wanted: Option<&T>, is: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == is)
        }
        agrees(self.destination.as_ref(), &delivery.destination_id)
            && agrees(self.conversation.as_ref(), &delivery.conversation_id)
            && agrees(self.event.as_ref(), &delivery.event)
            && agrees(self.status.as_ref(), &standing.status)
            && self.outcome.is_none_or(|outcome| standing.outcome == Some(outcome))
            && self.from.is_none_or(|from| delivery.created_at >= from)
            && self.to.is_none_or(|to| delivery.created_at < to)
    }
}

/// Where a delivery stands in the log's order: by time, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When it was made.
    pub created_at: Timestamp,
    /// Which one.
    pub delivery_id: DeliveryId,
}

impl Position {
    /// As a table's sort key, which orders as the position does.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("{}#{}", sort_prefix(self.created_at), self.delivery_id)
    }
}

/// The start of the sort keys of that moment: the number of milliseconds to 13 digits, which lasts until 2286. A later
/// moment sorts as the last of them, so that a search may end in any year.
#[must_use]
pub fn sort_prefix(at: Timestamp) -> String {
    format!("{:013}", at.as_millis().min(9_999_999_999_999))
}

/// One request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which deliveries.
    pub filter: Filter,
    /// Only those older than this one.
    pub after: Option<Position>,
    /// How many at the most.
    pub limit: usize,
}

/// A page of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The deliveries. A page may hold fewer than asked for although more follow: a search reads a bounded number of
    /// rows.
    pub deliveries: Vec<Summary>,
    /// Where the search goes on; `None` at its end.
    pub next: Option<Position>,
}

/// A position as a caller carries it to the next page. It holds the position only; the account comes from the caller's
/// key, and the code binds it to that account and to the same filter.
#[must_use]
pub fn seal(position: &Position, account: &AccountId, filter: &Filter, secret: &[u8; 32]) -> String {
    let body = position.sort_key();
    let code = code(&body, account, filter, secret);
    URL_SAFE_NO_PAD.encode([&code[..CODE_BYTES], body.as_bytes()].concat())
}

/// Reads a position back. Every way of being wrong gets the same answer.
///
/// # Errors
/// It was changed, or was given out for another account or filter.
pub fn unseal(
    cursor: &str,
    account: &AccountId,
    filter: &Filter,
    secret: &[u8; 32],
) -> Result<Position, Invalid> {
    open(cursor, account, filter, secret)
        .ok_or_else(|| Invalid::new("cursor", "is not one that was given out for this search"))
}

fn open(cursor: &str, account: &AccountId, filter: &Filter, secret: &[u8; 32]) -> Option<Position> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (given, body) = sealed.split_at_checked(CODE_BYTES)?;
    let body = std::str::from_utf8(body).ok()?;
    let expected = code(body, account, filter, secret);
    if !bool::from(subtle::ConstantTimeEq::ct_eq(given, &expected[..CODE_BYTES])) {
        return None;
    }
    let (millis, id) = body.split_once('#')?;
    let created_at = Timestamp::from_millis(millis.parse().ok()?);
    Some(Position { created_at, delivery_id: DeliveryId::parse(id).ok()? })
}

fn code(body: &str, account: &AccountId, filter: &Filter, secret: &[u8; 32]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key");
    // `Debug` of a filter names all of its fields; that it may change between versions ends old cursors, no more.
    let bound = crate::ids::digest(&[account.as_str(), &format!("{filter:?}"), body]);
    mac.update(&bound);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(millis: u64) -> Position {
        Position {
            created_at: Timestamp::from_millis(millis),
            delivery_id: DeliveryId::parse("dlv_1").unwrap(),
        }
    }

    fn account(id: &str) -> AccountId {
        AccountId::parse(id).unwrap()
    }

    #[test]
    fn a_cursor_is_good_for_its_account_and_search_only() {
        let filter = Filter::default();
        let other = Filter { event: Some(EventKind::Failed), ..Filter::default() };
        let (secret, mine) = ([1; 32], account("acc_1"));
        let cursor = seal(&position(5), &mine, &filter, &secret);
        assert_eq!(unseal(&cursor, &mine, &filter, &secret), Ok(position(5)));
        assert!(unseal(&cursor, &account("acc_2"), &filter, &secret).is_err());
        assert!(unseal(&cursor, &mine, &other, &secret).is_err());
        assert!(unseal(&cursor, &mine, &filter, &[2; 32]).is_err());
        for wrong in ["", "!", "AAAA", &"A".repeat(5000)] {
            assert!(unseal(wrong, &mine, &filter, &secret).is_err());
        }
    }

    #[test]
    fn a_search_that_ends_in_a_far_year_finds_what_is_made_today() {
        let today = sort_prefix(Timestamp::from_millis(1_788_256_800_000));
        for far in ["2286-11-20T17:46:40Z", "2500-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"] {
            assert!(sort_prefix(Timestamp::parse(far).unwrap()) > today, "{far}");
        }
    }

    proptest! {
        #[test]
        fn sort_keys_order_as_positions_do(a in 0u64..9_999_999_999_999, b in 0u64..9_999_999_999_999) {
            prop_assert_eq!(position(a).cmp(&position(b)), position(a).sort_key().cmp(&position(b).sort_key()));
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in 0usize..60, bit in 0u8..8) {
            let (secret, mine, filter) = ([1; 32], account("acc_1"), Filter::default());
            let mut cursor = seal(&position(1_700_000_000_000), &mine, &filter, &secret).into_bytes();
            let at = at % cursor.len();
            cursor[at] ^= 1 << bit;
            let Ok(cursor) = String::from_utf8(cursor) else { return Ok(()) };
            prop_assert!(unseal(&cursor, &mine, &filter, &secret).is_err());
        }
    }
}
