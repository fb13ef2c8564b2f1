//! The name of a queue, and its ARN and URL.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::SqsError;
use super::limits;

/// The region of every queue of this endpoint.
pub(crate) const REGION: &str = "us-east-1";

/// The account of every queue of this endpoint.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The name of a standard queue. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct QueueName(Arc<str>);

impl QueueName {
    /// Accepts what SQS accepts as the name of a standard queue.
    pub(crate) fn parse(name: &str) -> Result<Self, SqsError> {
        let fits = (1..=limits::QUEUE_NAME_LENGTH).contains(&name.len());
        if fits && is_alphanumeric_with_hyphen_or_underscore(name) {
            Ok(Self(name.into()))
        } else {
            Err(SqsError::invalid(
                "QueueName",
                name,
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ))
        }
    }

    /// Reads the name at the end of a queue URL. The host does not matter: an endpoint has several (port map, proxy).
    pub(crate) fn from_url(url: &str) -> Result<Self, SqsError> {
        let name = url.rsplit('/').next().unwrap_or_default();
        Self::parse(name).map_err(|_| SqsError::InvalidAddress(url.to_owned()))
    }

    /// Reads the name at the end of `arn:aws:sqs:REGION:ACCOUNT:NAME`. Region and account do not matter: this endpoint
    /// is one account in one region, so a template that is written for another pair still finds its queues.
    pub(crate) fn from_arn(arn: &str) -> Option<Self> {
        match arn.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "sqs", _, _, name] => Self::parse(name).ok(),
            _ => None,
        }
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{self}")
    }

    /// The queue URL at `host`, which is the one that the caller used, so that the URL works for the caller.
    pub(crate) fn url(&self, host: &str) -> String {
        format!("http://{host}/{ACCOUNT}/{self}")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text has only the characters of queue names and of batch entry ids.
pub(crate) fn is_alphanumeric_with_hyphen_or_underscore(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for QueueName {
    type Error = SqsError;

    fn try_from(name: String) -> Result<Self, SqsError> {
        Self::parse(&name)
    }
}

impl From<QueueName> for String {
    fn from(name: QueueName) -> Self {
        name.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_80_letters_digits_hyphens_and_underscores() {
        for good in ["a", "deliveries-DLQ_1", &"x".repeat(80)] {
            assert!(QueueName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a.b", "orders.fifo", "a/b", &"x".repeat(81)] {
            assert!(QueueName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn url_and_arn_contain_the_name() {
        let name = QueueName::parse("deliveries").unwrap();
        assert_eq!(QueueName::from_url(&name.url("localhost:9324")), Ok(name.clone()));
        assert_eq!(QueueName::from_arn(&name.arn()), Some(name.clone()));
        assert_eq!(QueueName::from_arn("arn:aws:sqs:eu-west-1:123456789012:deliveries"), Some(name));
        assert_eq!(QueueName::from_arn("arn:aws:sns:us-east-1:000000000000:deliveries"), None);
    }
}
