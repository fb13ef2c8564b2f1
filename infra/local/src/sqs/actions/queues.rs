//! `CreateQueue`, `GetQueueAttributes`, `SetQueueAttributes`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::request::{Call, Empty};
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;
use crate::sqs::store::Queue;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
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

/// Attributes that a queue may lack. Asking for them is no error.
const OPTIONAL: [&str; 2] = ["RedriveAllowPolicy", "RedrivePolicy"];

pub(super) async fn create(call: &Call<'_>, request: CreateQueue) -> Result<QueueUrl, SqsError> {
    if request.queue_name.ends_with(".fifo") {
        return Err(SqsError::unsupported("queue type", "FIFO"));
    }
    let name = QueueName::parse(&request.queue_name)?;
    call.endpoint.transact(|store, tx| store.create_queue(&name, &request.attributes, tx)).await?;
    Ok(QueueUrl { queue_url: name.url(call.host) })
}

pub(super) async fn get_attributes(
    call: &Call<'_>,
    request: GetQueueAttributes,
) -> Result<Attributes, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let mut attributes = call
        .endpoint
        .transact(|store, tx| {
            let queue = store.queue(&name)?;
            queue.process_timeouts(tx);
            Ok(all_attributes(queue))
        })
        .await?;
    let asked = request.attribute_names;
    let is_known = |name: &str| name == "All" || attributes.contains_key(name) || OPTIONAL.contains(&name);
    if let Some(unknown) = asked.iter().find(|name| !is_known(name)) {
        return Err(SqsError::InvalidAttributeName(unknown.clone()));
    }
    attributes.retain(|name, _| asked.iter().any(|asked| asked == "All" || asked == name));
    Ok(Attributes { attributes })
}

fn all_attributes(queue: &Queue) -> BTreeMap<&'static str, String> {
    let messages = queue.messages();
    let computed = [
        ("ApproximateNumberOfMessages", messages.visible().to_string()),
        ("ApproximateNumberOfMessagesDelayed", messages.delayed().to_string()),
        ("ApproximateNumberOfMessagesNotVisible", messages.in_flight().to_string()),
        ("QueueArn", queue.name.arn()),
    ];
    computed.into_iter().chain(queue.attributes.entries()).collect()
}

pub(super) async fn set_attributes(call: &Call<'_>, request: SetQueueAttributes) -> Result<Empty, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.transact(|store, tx| store.set_attributes(&name, &request.attributes, tx)).await?;
    Ok(Empty {})
}
