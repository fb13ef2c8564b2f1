//! Which messages of a batch are done, according to the function's answer.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>

use std::collections::HashSet;

use serde_json::Value;

/// What an answer says about its batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every message except these is done. Empty: the whole batch.
    Failed(HashSet<String>),
    /// The answer cannot be relied on, so no message is done.
    Malformed(&'static str),
}

impl Verdict {
    /// Reads the answer to a batch; `is_in_batch` recognises the ids of its messages.
    pub(super) fn read(answer: &[u8], is_in_batch: impl Fn(&str) -> bool) -> Self {
        let failures = match serde_json::from_slice(answer) {
            Ok(Value::Null) => return Self::none_failed(),
            Ok(Value::Object(mut answer)) => answer.remove("batchItemFailures"),
            _ => return Self::Malformed("the answer is not a JSON object"),
        };
        match failures {
            None | Some(Value::Null) => Self::none_failed(),
            Some(Value::Array(items)) => Self::read_items(&items, is_in_batch),
            Some(_) => Self::Malformed("batchItemFailures is not a list"),
        }
    }

    /// Whether this message is to be deleted.
    pub(super) fn is_done(&self, message_id: &str) -> bool {
        match self {
            Self::Failed(ids) => !ids.contains(message_id),
            Self::Malformed(_) => false,
        }
    }

    fn none_failed() -> Self {
        Self::Failed(HashSet::new())
    }

    fn read_items(items: &[Value], is_in_batch: impl Fn(&str) -> bool) -> Self {
        let mut failed = HashSet::new();
        for item in items {
            match item.get("itemIdentifier").and_then(Value::as_str) {
                None | Some("") => return Self::Malformed("an itemIdentifier is missing or empty"),
                Some(id) if !is_in_batch(id) => {
                    return Self::Malformed("an itemIdentifier names no message of the batch");
                }
                Some(id) => failed.insert(id.to_owned()),
            };
        }
        Self::Failed(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(answer: &str) -> Vec<&'static str> {
        let batch = ["a", "b", "c"];
        let verdict = Verdict::read(answer.as_bytes(), |id| batch.contains(&id));
        batch.into_iter().filter(|id| verdict.is_done(id)).collect()
    }

    #[test]
    fn everything_that_is_not_reported_is_done() {
        assert_eq!(done(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#), ["a", "c"]);
    }

    #[test]
    fn an_empty_report_means_that_all_succeeded() {
        for answer in
            ["null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#, r#"{"x":1}"#]
        {
            assert_eq!(done(answer), ["a", "b", "c"], "{answer}");
        }
    }

    #[test]
    fn a_report_that_cannot_be_relied_on_fails_the_whole_batch() {
        for answer in [
            "",
            "{",
            "true",
            "[]",
            r#"{"batchItemFailures":"b"}"#,
            r#"{"batchItemFailures":["b"]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifer":"b"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"z"}]}"#,
        ] {
            assert!(done(answer).is_empty(), "{answer}");
        }
    }
}
