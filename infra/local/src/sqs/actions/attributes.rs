//! `GetQueueAttributes`, `SetQueueAttributes`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Call, Done};
use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;
use crate::sqs::store::Queue;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetQueueAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

/// Attributes a queue can have but need not, so that asking for them is no mistake.
const OPTIONAL: [&str; 9] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
];

pub(super) async fn get(call: &Call<'_>, request: GetQueueAttributes) -> Result<Attributes, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let mut attributes = call
        .endpoint
        .step(|store, step| {
            let queue = store.queue(&name)?;
            queue.advance(step);
            Ok(all(queue))
        })
        .await?;
    let wanted = request.attribute_names;
    let is_known =
        |wanted: &str| wanted == "All" || attributes.contains_key(wanted) || OPTIONAL.contains(&wanted);
    if let Some(unknown) = wanted.iter().find(|wanted| !is_known(wanted)) {
        return Err(SqsError::InvalidAttributeName(unknown.clone()));
    }
    attributes.retain(|name, _| wanted.iter().any(|wanted| wanted == "All" || wanted == name));
    Ok(Attributes { attributes })
}

fn all(queue: &Queue) -> BTreeMap<&'static str, String> {
    let messages = queue.shelf();
    let seconds = |ms: u64| (ms / 1_000).to_string();
    let computed = [
        ("ApproximateNumberOfMessages", messages.visible().to_string()),
        ("ApproximateNumberOfMessagesDelayed", messages.delayed().to_string()),
        ("ApproximateNumberOfMessagesNotVisible", messages.in_flight().to_string()),
        ("CreatedTimestamp", seconds(queue.settings.created_at)),
        ("LastModifiedTimestamp", seconds(queue.settings.modified_at)),
        ("QueueArn", queue.name.arn()),
    ];
    computed.into_iter().chain(queue.attributes().entries()).collect()
}

pub(super) async fn set(call: &Call<'_>, request: SetQueueAttributes) -> Result<Done, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.step(|store, step| store.set_attributes(&name, &request.attributes, step)).await?;
    Ok(Done {})
}
