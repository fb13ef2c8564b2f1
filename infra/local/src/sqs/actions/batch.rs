//! What the batch actions have in common.

use std::collections::HashSet;

use serde::Serialize;

use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::queue_name::is_alphanumeric_with_hyphen_or_underscore;

/// The response of a batch action: the result of each entry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results<T> {
    successful: Vec<Successful<T>>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Successful<T> {
    id: String,
    #[serde(flatten)]
    response: T,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    sender_fault: bool,
    code: String,
    message: String,
}

/// Refuses the whole batch if SQS would, because of the number of entries or their ids.
pub(super) fn check<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), SqsError> {
    match ids.len() {
        0 => return Err(SqsError::EmptyBatchRequest),
        1..=limits::BATCH_ENTRIES => {}
        more => return Err(SqsError::TooManyEntriesInBatchRequest(more)),
    }
    let mut seen = HashSet::new();
    for id in ids {
        if id.len() > limits::BATCH_ENTRY_ID_LENGTH || !is_alphanumeric_with_hyphen_or_underscore(id) {
            return Err(SqsError::InvalidBatchEntryId);
        }
        if !seen.insert(id) {
            return Err(SqsError::BatchEntryIdsNotDistinct(id.to_owned()));
        }
    }
    Ok(())
}

/// Performs the action for each entry, given with its id. One that fails does not affect the others.
pub(super) fn each<E, T>(
    entries: Vec<(String, E)>,
    mut action: impl FnMut(E) -> Result<T, SqsError>,
) -> Results<T> {
    let mut results = Results { successful: Vec::new(), failed: Vec::new() };
    for (id, entry) in entries {
        match action(entry) {
            Ok(response) => results.successful.push(Successful { id, response }),
            Err(error) => results.failed.push(Failed {
                id,
                sender_fault: error.is_senders_fault(),
                code: error.query_code(),
                message: error.to_string(),
            }),
        }
    }
    results
}
