//! Cursors: each marks where a page of the Delivery Logs ends; a caller sends it to get the next.

use std::fmt::Debug;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::delivery_log::position::Position;
use crate::shared::ids::AccountId;
use crate::shared::invalid::Invalid;

/// The length of a cursor's authentication code (MAC): half of SHA-256, as RFC 2104 allows.
const MAC_BYTES: usize = 16;

/// Encodes a position as a cursor. The cursor holds only the position; its MAC binds it to the caller's account, which
/// comes from the API key, and to the search, as its `Debug` names it.
#[must_use]
pub fn encode(position: &Position, account: &AccountId, search: &impl Debug, secret: &[u8; 32]) -> String {
    let body = position.sort_key();
    let mac = mac(&body, account, search, secret);
    URL_SAFE_NO_PAD.encode([&mac[..MAC_BYTES], body.as_bytes()].concat())
}

/// Decodes a cursor. Every error has the same text.
///
/// # Errors
/// The cursor was changed, or was returned for another account or search.
pub fn decode(
    cursor: &str,
    account: &AccountId,
    search: &impl Debug,
    secret: &[u8; 32],
) -> Result<Position, Invalid> {
    verified(cursor, account, search, secret)
        .ok_or_else(|| Invalid::new("cursor", "must be a next_cursor that this search returned"))
}

fn verified(cursor: &str, account: &AccountId, search: &impl Debug, secret: &[u8; 32]) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (given, body) = bytes.split_at_checked(MAC_BYTES)?;
    let body = std::str::from_utf8(body).ok()?;
    let expected = mac(body, account, search, secret);
    if !bool::from(subtle::ConstantTimeEq::ct_eq(given, &expected[..MAC_BYTES])) {
        return None;
    }
    Position::parse(body)
}

fn mac(body: &str, account: &AccountId, search: &impl Debug, secret: &[u8; 32]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key");
    // A search's `Debug` names every field. If it changes between versions, old cursors become invalid, nothing more.
    let bound = crate::shared::ids::digest(&[account.as_str(), &format!("{search:?}"), body]);
    mac.update(&bound);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery_log::search::Filter;
    use crate::event::kind::EventKind;
    use crate::shared::ids::DeliveryId;
    use crate::shared::timestamp::Timestamp;

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
        let cursor = encode(&position(5), &mine, &filter, &secret);
        assert_eq!(decode(&cursor, &mine, &filter, &secret), Ok(position(5)));
        assert!(decode(&cursor, &account("acc_2"), &filter, &secret).is_err());
        assert!(decode(&cursor, &mine, &other, &secret).is_err());
        assert!(decode(&cursor, &mine, &filter, &[2; 32]).is_err());
        for wrong in ["", "!", "AAAA", &"A".repeat(5000)] {
            assert!(decode(wrong, &mine, &filter, &secret).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_noticed(at in 0usize..60, bit in 0u8..8) {
            let (secret, mine, filter) = ([1; 32], account("acc_1"), Filter::default());
            let mut cursor = encode(&position(1_700_000_000_000), &mine, &filter, &secret).into_bytes();
            let at = at % cursor.len();
            cursor[at] ^= 1 << bit;
            let Ok(cursor) = String::from_utf8(cursor) else { return Ok(()) };
            prop_assert!(decode(&cursor, &mine, &filter, &secret).is_err());
        }
    }
}
