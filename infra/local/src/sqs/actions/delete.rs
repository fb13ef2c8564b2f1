//! `DeleteMessage`, `DeleteMessageBatch`.

use serde::Deserialize;

use super::batch::{self, Results};
use super::request::{Call, Empty};
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessageBatch {
    queue_url: String,
    entries: Vec<DeleteEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

pub(super) async fn delete(call: &Call<'_>, request: DeleteMessage) -> Result<Empty, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.transact(|store, tx| store.queue(&name)?.delete(&request.receipt_handle, tx)).await?;
    Ok(Empty {})
}

pub(super) async fn delete_batch(
    call: &Call<'_>,
    request: DeleteMessageBatch,
) -> Result<Results<Empty>, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    batch::check(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let entries = request.entries.into_iter().map(|entry| (entry.id, entry.receipt_handle)).collect();
    call.endpoint
        .transact(|store, tx| {
            let queue = store.queue(&name)?;
            Ok(batch::each(entries, |handle: String| queue.delete(&handle, tx).map(|()| Empty {})))
        })
        .await
}
