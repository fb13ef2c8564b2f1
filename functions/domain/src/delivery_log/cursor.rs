//! Cursors: each marks where a page of the Delivery Logs ends; a caller sends it to get the next.

use std::fmt::Debug;

use crate::delivery_log::position::Position;
use crate::shared::authenticated::AuthenticatedToken;
use crate::shared::ids::AccountId;
use crate::shared::invalid::Invalid;

/// Encodes a position as a cursor. The cursor holds only the position; its authentication code binds it to the caller's
/// account, which comes from the API key, and to the search, as its `Debug` names it.
#[must_use]
pub fn encode(position: &Position, account: &AccountId, search: &impl Debug, secret: &[u8; 32]) -> String {
    AuthenticatedToken::encode(&position.sort_key(), &["cursor", account.as_str(), &named(search)], secret)
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
    let context = ["cursor", account.as_str(), &named(search)];
    let position = AuthenticatedToken::decode(cursor).and_then(|cursor| cursor.verify(&context, secret));
    position
        .and_then(|position| Position::parse(&position))
        .ok_or_else(|| Invalid::new("cursor", "must be a next_cursor that this search returned"))
}

/// A search's `Debug` names every field. If it changes between versions, old cursors become invalid, nothing more.
fn named(search: &impl Debug) -> String {
    format!("{search:?}")
}

#[cfg(test)]
mod tests {
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
}
