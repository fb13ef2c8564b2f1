//! The attributes of a queue that a caller may set.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::redrive::{RedriveAllowPolicy, RedrivePolicy};
use crate::sqs::error::SqsError;
use crate::sqs::limits;

/// What `CreateQueue` and `SetQueueAttributes` set. Durations are in seconds, as callers give them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct QueueAttributes {
    pub(crate) visibility_timeout: u32,
    pub(crate) message_retention_period: u32,
    pub(crate) redrive_policy: Option<RedrivePolicy>,
    pub(crate) redrive_allow_policy: Option<RedriveAllowPolicy>,
}

impl Default for QueueAttributes {
    /// What SQS gives a queue for which nothing is set.
    fn default() -> Self {
        Self {
            visibility_timeout: limits::DEFAULT_VISIBILITY_TIMEOUT,
            message_retention_period: limits::DEFAULT_MESSAGE_RETENTION_PERIOD,
            redrive_policy: None,
            redrive_allow_policy: None,
        }
    }
}

impl QueueAttributes {
    /// A copy with these values, or an error that names the first attribute that cannot be set.
    pub(crate) fn with(&self, values: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        let mut changed = self.clone();
        values.iter().try_for_each(|(attribute, value)| changed.set(attribute, value))?;
        Ok(changed)
    }

    /// Sets one attribute from its text; an empty policy removes it.
    pub(crate) fn set(&mut self, attribute: &str, value: &str) -> Result<(), SqsError> {
        let invalid =
            |reason: String| SqsError::InvalidAttributeValue { attribute: attribute.to_owned(), reason };
        let number = |range| parse_number(value, &range).map_err(invalid);
        let policy = Some(value).filter(|value| !value.is_empty());
        match attribute {
            "VisibilityTimeout" => self.visibility_timeout = number(limits::VISIBILITY_TIMEOUT)?,
            "MessageRetentionPeriod" => {
                self.message_retention_period = number(limits::MESSAGE_RETENTION_PERIOD)?;
            }
            "RedrivePolicy" => {
                self.redrive_policy = policy.map(RedrivePolicy::parse).transpose().map_err(invalid)?;
            }
            "RedriveAllowPolicy" => {
                self.redrive_allow_policy =
                    policy.map(RedriveAllowPolicy::parse).transpose().map_err(invalid)?;
            }
            _ => return Err(SqsError::InvalidAttributeName(attribute.to_owned())),
        }
        Ok(())
    }

    /// Name and text of every attribute that has a value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, String)> {
        let entries = [
            ("VisibilityTimeout", Some(self.visibility_timeout.to_string())),
            ("MessageRetentionPeriod", Some(self.message_retention_period.to_string())),
            ("RedrivePolicy", self.redrive_policy.as_ref().map(RedrivePolicy::to_json)),
            ("RedriveAllowPolicy", self.redrive_allow_policy.as_ref().map(RedriveAllowPolicy::to_json)),
        ];
        entries.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Parses a number in the range; the error is the reason to give.
fn parse_number(value: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("Must be a number from {} to {}.", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_refused_and_changes_nothing() {
        let mut subject = QueueAttributes::default();
        for (name, value) in [
            ("VisibilityTimeout", "43201"),
            ("VisibilityTimeout", "-1"),
            ("MessageRetentionPeriod", "59"),
            ("MessageRetentionPeriod", "1209601"),
            ("RedrivePolicy", "allow"),
        ] {
            let refusal = subject.set(name, value);
            assert!(matches!(refusal, Err(SqsError::InvalidAttributeValue { .. })), "{name}={value}");
        }
        assert_eq!(subject, QueueAttributes::default());
    }

    #[test]
    fn an_empty_redrive_policy_removes_it() {
        let mut subject = QueueAttributes::default();
        subject
            .set(
                "RedrivePolicy",
                r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dlq","maxReceiveCount":4}"#,
            )
            .unwrap();
        assert!(subject.redrive_policy.is_some());
        subject.set("RedrivePolicy", "").unwrap();
        assert!(subject.redrive_policy.is_none());
    }
}
