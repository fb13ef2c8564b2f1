//! `CreateQueue`, `DeleteQueue`, `GetQueueUrl`, `ListQueues`, `ListDeadLetterSourceQueues`, `PurgeQueue`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::page::{Page, page};
use super::{Call, Done, tags};
use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// In lower case, unlike every other parameter.
    #[serde(default, rename = "tags")]
    tags: BTreeMap<String, String>,
}

/// The request of the actions that need to know the queue and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfQueue {
    pub(super) queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListDeadLetterSourceQueues {
    queue_url: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrls {
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
pub(super) struct SourceQueueUrls {
    /// In lower case, unlike `ListQueues`.
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn create(call: &Call<'_>, request: CreateQueue) -> Result<QueueUrl, SqsError> {
    let name = QueueName::parse(&request.queue_name)?;
    let wants_fifo =
        request.attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if name.is_fifo() != wants_fifo {
        return Err(SqsError::invalid(
            "QueueName",
            &name,
            "The name of a FIFO queue, and of no other, must end with the .fifo suffix.",
        ));
    }
    tags::check(&request.tags)?;
    call.endpoint
        .step(|store, step| store.create_queue(&name, &request.attributes, request.tags, step))
        .await?;
    Ok(QueueUrl { queue_url: name.url(call.host) })
}

pub(super) async fn delete(call: &Call<'_>, request: OfQueue) -> Result<Done, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.step(|store, step| store.delete_queue(&name, step)).await?;
    Ok(Done {})
}

pub(super) async fn get_url(call: &Call<'_>, request: GetQueueUrl) -> Result<QueueUrl, SqsError> {
    let name = QueueName::parse(&request.queue_name)?;
    call.endpoint.step(|store, _| store.queue(&name).map(|_| ())).await?;
    Ok(QueueUrl { queue_url: name.url(call.host) })
}

pub(super) async fn list(call: &Call<'_>, request: ListQueues) -> Result<QueueUrls, SqsError> {
    let names = call.endpoint.step(|store, _| Ok(store.queue_names(&request.queue_name_prefix))).await?;
    let Page { names, next_token } = page(names, request.max_results, request.next_token.as_deref())?;
    Ok(QueueUrls { queue_urls: urls(&names, call), next_token })
}

pub(super) async fn list_dead_letter_sources(
    call: &Call<'_>,
    request: ListDeadLetterSourceQueues,
) -> Result<SourceQueueUrls, SqsError> {
    let target = QueueName::from_url(&request.queue_url)?;
    let names = call
        .endpoint
        .step(|store, _| {
            store.queue(&target)?;
            Ok(store.dead_letter_sources(&target))
        })
        .await?;
    let Page { names, next_token } = page(names, request.max_results, request.next_token.as_deref())?;
    Ok(SourceQueueUrls { queue_urls: urls(&names, call), next_token })
}

pub(super) async fn purge(call: &Call<'_>, request: OfQueue) -> Result<Done, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.step(|store, step| store.queue(&name)?.purge(step)).await?;
    Ok(Done {})
}

fn urls(names: &[QueueName], call: &Call<'_>) -> Vec<String> {
    names.iter().map(|name| name.url(call.host)).collect()
}
