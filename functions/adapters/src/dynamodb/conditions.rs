//! Distinguishes a failed condition from a failed call.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::item::Item;

/// Cancellation reason: a condition did not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Cancellation reason: another transaction on the same row.
const CONTENDED: &str = "TransactionConflict";

/// If a transaction's first condition did not hold, the item that is stored; if another condition did not hold, an
/// empty item; `None` if the transaction failed for another reason.
pub(super) fn refused_by_transaction(error: &TransactWriteItemsError) -> Option<Item> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return None };
    let (first, others) = cancelled.cancellation_reasons().split_first()?;
    if first.code() == Some(CONDITION_FAILED) {
        return Some(first.item.clone().unwrap_or_default());
    }
    others.iter().any(|reason| reason.code() == Some(CONDITION_FAILED)).then(Item::new)
}

/// Whether a transaction conflicted with another on one of its rows: it was not applied, and the row may have changed.
pub(super) fn is_contended(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(CONTENDED))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    use super::*;

    fn cancelled(codes: &[&str]) -> TransactWriteItemsError {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build());
        let exception =
            TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons.collect()));
        TransactWriteItemsError::TransactionCanceledException(exception.build())
    }

    #[test]
    fn a_refused_condition_is_told_from_contention() {
        let refused = cancelled(&["ConditionalCheckFailed", "None"]);
        assert!(refused_by_transaction(&refused).is_some() && !is_contended(&refused));
        let by_another = cancelled(&["None", "ConditionalCheckFailed"]);
        assert!(refused_by_transaction(&by_another).is_some() && !is_contended(&by_another));
        let contended = cancelled(&["TransactionConflict", "None"]);
        assert!(refused_by_transaction(&contended).is_none() && is_contended(&contended));
        let neither = cancelled(&["ThrottlingError", "None"]);
        assert!(refused_by_transaction(&neither).is_none() && !is_contended(&neither));
    }
}
