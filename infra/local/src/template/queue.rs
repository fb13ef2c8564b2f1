//! `AWS::SQS::Queue`.

use std::time::Duration;

use serde::Deserialize;

use super::error::TemplateError;
use super::expression::ArnOf;
use super::resource::Resource;

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Logical id.
    pub id: String,
    /// How long a received message stays hidden, unless its receiver says otherwise.
    pub visibility_timeout: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// Where messages go that are received too often.
    pub redrive: Option<Redrive>,
}

/// When a message goes to which dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Logical id of the dead-letter queue.
    pub dead_letters: String,
    /// Receives after which a message goes there.
    pub max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    visibility_timeout: u64,
    message_retention_period: u64,
    redrive_policy: Option<RedrivePolicy>,
}

/// A document of SQS itself, in camel case.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: ArnOf,
    max_receive_count: u32,
}

impl Queue {
    pub(super) fn read(resource: &Resource<'_>) -> Result<Self, TemplateError> {
        let properties: Properties = resource.properties()?;
        Ok(Self {
            id: resource.id.to_owned(),
            visibility_timeout: Duration::from_secs(properties.visibility_timeout),
            retention: Duration::from_secs(properties.message_retention_period),
            redrive: properties.redrive_policy.map(|policy| Redrive {
                dead_letters: policy.dead_letter_target_arn.0,
                max_receive_count: policy.max_receive_count,
            }),
        })
    }
}
