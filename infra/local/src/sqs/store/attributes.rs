//! The attributes of a queue that a caller may set.

use serde::{Deserialize, Serialize};

use super::attribute_values::{parse_bool, parse_number, parse_policy};
use super::fifo::FifoAttributes;
use super::redrive::{RedriveAllowPolicy, RedrivePolicy};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;

/// Durations in seconds, sizes in bytes, as callers give them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct QueueAttributes {
    pub(crate) visibility_timeout: u32,
    pub(crate) delay_seconds: u32,
    pub(crate) maximum_message_size: u32,
    pub(crate) message_retention_period: u32,
    pub(crate) receive_message_wait_time_seconds: u32,
    pub(crate) redrive_policy: Option<RedrivePolicy>,
    pub(crate) redrive_allow_policy: Option<RedriveAllowPolicy>,
    pub(crate) fifo: Option<FifoAttributes>,
    /// Kept and shown, but not enforced, like the encryption settings: there is one caller.
    policy: Option<String>,
    kms_master_key_id: Option<String>,
    kms_data_key_reuse_period_seconds: u32,
    sqs_managed_sse_enabled: bool,
}

impl QueueAttributes {
    /// What a queue of that name has when nothing is set.
    pub(crate) fn default_for(name: &QueueName) -> Self {
        Self {
            visibility_timeout: limits::DEFAULT_VISIBILITY_TIMEOUT,
            delay_seconds: *limits::DELAY_SECONDS.start(),
            maximum_message_size: *limits::MAXIMUM_MESSAGE_SIZE.end(),
            message_retention_period: limits::DEFAULT_MESSAGE_RETENTION_PERIOD,
            receive_message_wait_time_seconds: *limits::WAIT_TIME_SECONDS.start(),
            redrive_policy: None,
            redrive_allow_policy: None,
            fifo: name.is_fifo().then(FifoAttributes::default),
            policy: None,
            kms_master_key_id: None,
            kms_data_key_reuse_period_seconds: limits::DEFAULT_KMS_DATA_KEY_REUSE_PERIOD,
            sqs_managed_sse_enabled: true,
        }
    }

    /// Sets one attribute from its text; an empty policy or key removes it.
    pub(crate) fn set(&mut self, attribute: &str, value: &str) -> Result<(), SqsError> {
        let refuse =
            |reason: String| SqsError::InvalidAttributeValue { attribute: attribute.to_owned(), reason };
        let number = |range| parse_number(value, &range).map_err(refuse);
        let given = Some(value).filter(|value| !value.is_empty());
        match attribute {
            "VisibilityTimeout" => self.visibility_timeout = number(limits::VISIBILITY_TIMEOUT)?,
            "DelaySeconds" => self.delay_seconds = number(limits::DELAY_SECONDS)?,
            "MaximumMessageSize" => {
                self.maximum_message_size = number(limits::MAXIMUM_MESSAGE_SIZE)?;
            }
            "MessageRetentionPeriod" => {
                self.message_retention_period = number(limits::MESSAGE_RETENTION_PERIOD)?;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.receive_message_wait_time_seconds = number(limits::WAIT_TIME_SECONDS)?;
            }
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_data_key_reuse_period_seconds = number(limits::KMS_DATA_KEY_REUSE_PERIOD)?;
            }
            "RedrivePolicy" => {
                self.redrive_policy = given.map(RedrivePolicy::parse).transpose().map_err(refuse)?;
            }
            "RedriveAllowPolicy" => {
                self.redrive_allow_policy =
                    given.map(RedriveAllowPolicy::parse).transpose().map_err(refuse)?;
            }
            "Policy" => self.policy = given.map(parse_policy).transpose().map_err(refuse)?,
            "KmsMasterKeyId" => self.kms_master_key_id = given.map(str::to_owned),
            "SqsManagedSseEnabled" => {
                self.sqs_managed_sse_enabled = parse_bool(value).map_err(refuse)?;
            }
            _ => return FifoAttributes::set(self.fifo.as_mut(), attribute, value),
        }
        Ok(())
    }

    /// Name and text of every attribute that has a value.
    pub(crate) fn entries(&self) -> Vec<(&'static str, String)> {
        let always = [
            ("VisibilityTimeout", self.visibility_timeout.to_string()),
            ("DelaySeconds", self.delay_seconds.to_string()),
            ("MaximumMessageSize", self.maximum_message_size.to_string()),
            ("MessageRetentionPeriod", self.message_retention_period.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.receive_message_wait_time_seconds.to_string()),
            ("SqsManagedSseEnabled", self.sqs_managed_sse_enabled.to_string()),
        ];
        let key = &self.kms_master_key_id;
        let if_set = [
            ("RedrivePolicy", self.redrive_policy.as_ref().map(RedrivePolicy::to_json)),
            ("RedriveAllowPolicy", self.redrive_allow_policy.as_ref().map(RedriveAllowPolicy::to_json)),
            ("Policy", self.policy.clone()),
            (
                "KmsDataKeyReusePeriodSeconds",
                key.as_ref().map(|_| self.kms_data_key_reuse_period_seconds.to_string()),
            ),
            ("KmsMasterKeyId", key.clone()),
        ];
        let if_set = if_set.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let fifo = self.fifo.iter().flat_map(FifoAttributes::entries);
        always.into_iter().chain(if_set).chain(fifo).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> QueueAttributes {
        QueueAttributes::default_for(&QueueName::parse("q").unwrap())
    }

    #[test]
    fn a_value_out_of_range_is_refused_and_changes_nothing() {
        let mut subject = attributes();
        for (name, value) in [
            ("VisibilityTimeout", "43201"),
            ("DelaySeconds", "901"),
            ("MaximumMessageSize", "1023"),
            ("MaximumMessageSize", "1048577"),
            ("MessageRetentionPeriod", "59"),
            ("ReceiveMessageWaitTimeSeconds", "-1"),
            ("SqsManagedSseEnabled", "yes"),
            ("Policy", "allow"),
        ] {
            let refusal = subject.set(name, value);
            assert!(matches!(refusal, Err(SqsError::InvalidAttributeValue { .. })), "{name}={value}");
        }
        assert_eq!(subject, attributes());
    }

    #[test]
    fn an_unknown_attribute_is_named() {
        let refusal = attributes().set("VisibilityTimeOut", "1");
        assert_eq!(refusal, Err(SqsError::InvalidAttributeName("VisibilityTimeOut".to_owned())));
    }

    #[test]
    fn an_empty_redrive_policy_removes_it() {
        let mut subject = attributes();
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
