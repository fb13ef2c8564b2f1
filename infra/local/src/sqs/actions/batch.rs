//! What the three batch actions have in common.

use std::collections::HashSet;

use serde::Serialize;

use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::is_alphanumeric_with_hyphen_or_underscore;

pub(super) trait Entry {
    fn id(&self) -> &str;
}

/// Each entry's own result, as every batch action answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results<T> {
    pub(super) successful: Vec<T>,
    pub(super) failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Failed {
    id: String,
    sender_fault: bool,
    code: String,
    message: String,
}

/// The result of an entry that has nothing more to say than that it succeeded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Succeeded {
    id: String,
}

/// Refuses a batch as a whole.
pub(super) fn check(entries: &[impl Entry]) -> Result<(), SqsError> {
    if entries.is_empty() {
        return Err(SqsError::EmptyBatchRequest);
    }
    if entries.len() > limits::BATCH_ENTRIES {
        return Err(SqsError::TooManyEntriesInBatchRequest(entries.len()));
    }
    let mut seen = HashSet::new();
    for id in entries.iter().map(Entry::id) {
        if id.len() > limits::BATCH_ENTRY_ID_LENGTH || !is_alphanumeric_with_hyphen_or_underscore(id) {
            return Err(SqsError::InvalidBatchEntryId);
        }
        if !seen.insert(id) {
            return Err(SqsError::BatchEntryIdsNotDistinct(id.to_owned()));
        }
    }
    Ok(())
}

/// Acts on each entry by itself: one that fails does not keep the others from succeeding.
pub(super) fn each<E: Entry, T>(
    entries: Vec<E>,
    mut act: impl FnMut(E) -> Result<T, SqsError>,
) -> Results<T> {
    let mut results = Results { successful: Vec::new(), failed: Vec::new() };
    for entry in entries {
        let id = entry.id().to_owned();
        match act(entry) {
            Ok(success) => results.successful.push(success),
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

impl Succeeded {
    pub(super) fn new(entry: &impl Entry) -> Self {
        Self { id: entry.id().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for String {
        fn id(&self) -> &str {
            self
        }
    }

    fn entries(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_batch_has_one_to_ten_entries_with_ids_of_their_own() {
        let eleven: Vec<_> = (0..11).map(|id| id.to_string()).collect();
        assert_eq!(check(&entries(&[])), Err(SqsError::EmptyBatchRequest));
        assert_eq!(check(&eleven), Err(SqsError::TooManyEntriesInBatchRequest(11)));
        assert_eq!(check(&eleven[..10]), Ok(()));
        assert_eq!(check(&entries(&["a", "a"])), Err(SqsError::BatchEntryIdsNotDistinct("a".to_owned())));
        for bad in ["", "a.b", &"x".repeat(81)] {
            assert_eq!(check(&entries(&[bad])), Err(SqsError::InvalidBatchEntryId), "{bad:?}");
        }
    }

    #[test]
    fn an_entry_fails_alone() {
        let results = each(entries(&["a", "b", "c"]), |id| {
            if id == "b" { Err(SqsError::MessageNotInflight) } else { Ok(id) }
        });
        assert_eq!(results.successful, ["a", "c"]);
        assert_eq!(results.failed[0].code, "AWS.SimpleQueueService.MessageNotInflight");
    }
}
