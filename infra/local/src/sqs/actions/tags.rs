//! `TagQueue`, `UntagQueue`, `ListQueueTags`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::queues::OfQueue;
use super::{Call, Done};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagQueue {
    queue_url: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagQueue {
    queue_url: String,
    tag_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tags {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

pub(super) async fn tag(call: &Call<'_>, request: TagQueue) -> Result<Done, SqsError> {
    let change = |tags: &mut BTreeMap<_, _>| tags.extend(request.tags);
    change_tags(call, &request.queue_url, change).await
}

pub(super) async fn untag(call: &Call<'_>, request: UntagQueue) -> Result<Done, SqsError> {
    let change = |tags: &mut BTreeMap<_, _>| tags.retain(|key, _| !request.tag_keys.contains(key));
    change_tags(call, &request.queue_url, change).await
}

async fn change_tags(
    call: &Call<'_>,
    url: &str,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Done, SqsError> {
    let name = QueueName::from_url(url)?;
    call.endpoint
        .step(|store, step| {
            let queue = store.queue(&name)?;
            let mut tags = queue.settings.tags.clone();
            change(&mut tags);
            check(&tags)?;
            queue.settings.tags = tags;
            queue.settings_changed(step);
            Ok(Done {})
        })
        .await
}

pub(super) async fn list(call: &Call<'_>, request: OfQueue) -> Result<Tags, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.step(|store, _| Ok(Tags { tags: store.queue(&name)?.settings.tags.clone() })).await
}

/// Refuses more tags than a queue can have.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), SqsError> {
    if tags.len() > limits::TAGS {
        return Err(SqsError::invalid(
            "Tags",
            &tags.len(),
            format!("Too many tags added for queue: at most {}.", limits::TAGS),
        ));
    }
    Ok(())
}
