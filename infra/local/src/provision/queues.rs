//! Creates queues.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::error::ProvisionError;
use super::resources::QueueAddress;
use crate::template::Queue;

type Addresses = BTreeMap<String, QueueAddress>;

/// Creates every queue, then sets their attributes, because those of one queue name another.
pub(super) async fn provision(queues: &[Queue], sqs: &Client) -> Result<Addresses, ProvisionError> {
    let mut addresses = Addresses::new();
    for queue in queues {
        addresses.insert(queue.id.clone(), create(&queue.id, sqs).await?);
    }
    for queue in queues {
        if let Some(address) = addresses.get(&queue.id) {
            let request = sqs.set_queue_attributes().queue_url(&address.url);
            let request = request.set_attributes(Some(attributes(queue, &addresses)));
            request.send().await.map_err(|error| ProvisionError::new(&queue.id, error))?;
        }
    }
    Ok(addresses)
}

/// Creates a queue. A request without attributes succeeds if the queue exists already.
async fn create(name: &str, sqs: &Client) -> Result<QueueAddress, ProvisionError> {
    let created = sqs.create_queue().queue_name(name).send().await;
    let url = created.map_err(|error| ProvisionError::new(name, error))?.queue_url.unwrap_or_default();
    let request = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let response = request.send().await.map_err(|error| ProvisionError::new(name, error))?;
    let arn = response.attributes().and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn));
    Ok(QueueAddress { arn: arn.cloned().unwrap_or_default(), url })
}

fn attributes(queue: &Queue, addresses: &Addresses) -> HashMap<QueueAttributeName, String> {
    let mut attributes = HashMap::from([
        (QueueAttributeName::VisibilityTimeout, queue.visibility_timeout.as_secs().to_string()),
        (QueueAttributeName::MessageRetentionPeriod, queue.retention.as_secs().to_string()),
    ]);
    if let Some(redrive) = &queue.redrive
        && let Some(target) = addresses.get(&redrive.dead_letters)
    {
        let policy =
            json!({ "deadLetterTargetArn": target.arn, "maxReceiveCount": redrive.max_receive_count });
        attributes.insert(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    attributes
}
