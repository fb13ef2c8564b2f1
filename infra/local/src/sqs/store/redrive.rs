//! The two policies of dead-letter queues, as a queue's attributes have them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sqs::limits;
use crate::sqs::queue_name::QueueName;

/// `RedrivePolicy`: to which queue a message goes, and after how many receives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct RedrivePolicy {
    pub(crate) dead_letter_target: QueueName,
    pub(crate) max_receive_count: u32,
}

/// `RedriveAllowPolicy`: which queues may use this one as their dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum RedriveAllowPolicy {
    AllowAll,
    DenyAll,
    ByQueue(Vec<QueueName>),
}

impl RedrivePolicy {
    /// Reads the attribute's JSON; the error is the reason to give.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let policy = object(json)?;
        let target = policy["deadLetterTargetArn"].as_str().ok_or("It lacks deadLetterTargetArn.")?;
        let count = &policy["maxReceiveCount"];
        // CloudFormation and the console write a number, many clients its text.
        let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
        let count = count.and_then(|count| u32::try_from(count).ok());
        Ok(Self {
            dead_letter_target: QueueName::from_arn(target)
                .ok_or("deadLetterTargetArn is not the ARN of a queue.")?,
            max_receive_count: count
                .filter(|count| limits::MAX_RECEIVE_COUNT.contains(count))
                .ok_or("maxReceiveCount must be a number from 1 to 1000.")?,
        })
    }

    pub(crate) fn to_json(&self) -> String {
        json!({
            "deadLetterTargetArn": self.dead_letter_target.arn(),
            "maxReceiveCount": self.max_receive_count,
        })
        .to_string()
    }
}

impl RedriveAllowPolicy {
    /// Reads the attribute's JSON; the error is the reason to give.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let policy = object(json)?;
        let sources = policy.get("sourceQueueArns");
        match (policy["redrivePermission"].as_str(), sources) {
            (Some("allowAll"), None) => Ok(Self::AllowAll),
            (Some("denyAll"), None) => Ok(Self::DenyAll),
            (Some("byQueue"), Some(Value::Array(arns)))
                if (1..=limits::REDRIVE_SOURCE_QUEUES).contains(&arns.len()) =>
            {
                let names = arns.iter().map(|arn| arn.as_str().and_then(QueueName::from_arn));
                names.collect::<Option<_>>().map(Self::ByQueue).ok_or_else(|| {
                    "sourceQueueArns holds something that is not the ARN of a queue.".to_owned()
                })
            }
            _ => Err("redrivePermission must be allowAll, denyAll, or byQueue with 1 to 10 sourceQueueArns."
                .to_owned()),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::AllowAll => json!({ "redrivePermission": "allowAll" }),
            Self::DenyAll => json!({ "redrivePermission": "denyAll" }),
            Self::ByQueue(sources) => json!({
                "redrivePermission": "byQueue",
                "sourceQueueArns": sources.iter().map(QueueName::arn).collect::<Vec<_>>(),
            }),
        }
        .to_string()
    }

    pub(crate) fn allows(&self, source: &QueueName) -> bool {
        match self {
            Self::AllowAll => true,
            Self::DenyAll => false,
            Self::ByQueue(sources) => sources.contains(source),
        }
    }
}

fn object(json: &str) -> Result<Value, String> {
    match serde_json::from_str(json) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err("It must be a JSON object.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_be_a_number_or_its_text() {
        for count in ["4", "\"4\""] {
            let json = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dlq","maxReceiveCount":{count}}}"#
            );
            let policy = RedrivePolicy::parse(&json).unwrap();
            assert_eq!(policy.max_receive_count, 4);
            assert_eq!(RedrivePolicy::parse(&policy.to_json()), Ok(policy));
        }
    }

    #[test]
    fn a_policy_sqs_would_refuse_is_refused() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:dlq";
        for bad in [
            "".to_owned(),
            "[]".to_owned(),
            r#"{"maxReceiveCount":4}"#.to_owned(),
            format!(r#"{{"deadLetterTargetArn":"{arn}"}}"#),
            format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":0}}"#),
            format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1001}}"#),
            r#"{"deadLetterTargetArn":"dlq","maxReceiveCount":4}"#.to_owned(),
        ] {
            assert!(RedrivePolicy::parse(&bad).is_err(), "{bad}");
        }
        for bad in [r#"{"redrivePermission":"byQueue"}"#, r#"{"redrivePermission":"some"}"#] {
            assert!(RedriveAllowPolicy::parse(bad).is_err(), "{bad}");
        }
    }
}
