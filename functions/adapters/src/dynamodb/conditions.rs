//! Conditions that did not hold, told from calls that failed.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::item::Item;

/// The code of a cancellation reason for a condition that did not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// What is stored where a transaction's first condition did not hold; `None` if the transaction failed otherwise.
pub(super) fn refused_by_transaction(error: &TransactWriteItemsError) -> Option<Item> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return None };
    let first = cancelled.cancellation_reasons().first()?;
    (first.code() == Some(CONDITION_FAILED)).then(|| first.item.clone().unwrap_or_default())
}
