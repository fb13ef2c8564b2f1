//! Transactions: writes that are all applied, or none of them.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::shared::unavailable::{Result, Unavailable};

use super::item::Item;
use crate::deadline::{self, RESERVE};

/// The pause before another try, in milliseconds.
pub(super) const PAUSE: RangeInclusive<u64> = 50..=400;

/// Cancellation reason: a condition did not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Cancellation reasons that pass: another transaction on the same row, and a table or an index without capacity. The
/// SDK tries none of them again.
const BUSY: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// The result of conditional writes.
pub(super) enum Written {
    Yes,
    /// A condition did not hold. The item that is stored, if it is the first write's condition; else an empty item.
    Refused(Item),
    /// An item would be larger than the table takes.
    TooLarge,
}

/// Whether a call failed because an item would be larger than the table takes.
pub(super) fn is_too_large(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationException")
        && error.message().is_some_and(|message| message.starts_with("Item size"))
}

/// Makes these writes, and tries again while the tables are busy and the invocation has time.
pub(super) async fn transact(
    client: &Client,
    operation: &'static str,
    writes: Vec<TransactWriteItem>,
) -> Result<Written> {
    loop {
        let request = client.transact_write_items().set_transact_items(Some(writes.clone()));
        let Err(error) = request.send().await.map_err(SdkError::into_service_error) else {
            return Ok(Written::Yes);
        };
        if let Some(item) = refused(&error) {
            return Ok(Written::Refused(item));
        }
        if is_too_large(&error) {
            return Ok(Written::TooLarge);
        }
        if !(is_busy(&error) && deadline::pause(PAUSE, RESERVE).await) {
            return Err(Unavailable::new(operation, error));
        }
    }
}

fn refused(error: &TransactWriteItemsError) -> Option<Item> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return None };
    let (first, others) = cancelled.cancellation_reasons().split_first()?;
    if first.code() == Some(CONDITION_FAILED) {
        return Some(first.item.clone().unwrap_or_default());
    }
    others.iter().any(|reason| reason.code() == Some(CONDITION_FAILED)).then(Item::new)
}

fn is_busy(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.all(|code| code == "None" || BUSY.contains(&code))
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
    fn a_refused_condition_is_told_from_a_busy_table_and_from_other_failures() {
        for (codes, is_refused, busy) in [
            (["ConditionalCheckFailed", "None"], true, false),
            (["None", "ConditionalCheckFailed"], true, false),
            (["ThrottlingError", "ConditionalCheckFailed"], true, false),
            (["TransactionConflict", "None"], false, true),
            (["None", "ThrottlingError"], false, true),
            (["ProvisionedThroughputExceeded", "TransactionConflict"], false, true),
            (["ThrottlingError", "ValidationError"], false, false),
        ] {
            let error = cancelled(&codes);
            assert_eq!((refused(&error).is_some(), is_busy(&error)), (is_refused, busy), "{codes:?}");
        }
    }
}
