//! `DeleteMessage`, `DeleteMessageBatch`.

use serde::Deserialize;

use super::batch::{self, Entry, Results, Succeeded};
use super::{Call, Done};
use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessageBatch {
    queue_url: String,
    entries: Vec<DeleteEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

impl Entry for DeleteEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn delete(call: &Call<'_>, request: DeleteMessage) -> Result<Done, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint.step(|store, step| store.queue(&name)?.delete(&request.receipt_handle, step)).await?;
    Ok(Done {})
}

pub(super) async fn delete_batch(
    call: &Call<'_>,
    request: DeleteMessageBatch,
) -> Result<Results<Succeeded>, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    batch::check(&request.entries)?;
    call.endpoint
        .step(|store, step| {
            let queue = store.queue(&name)?;
            Ok(batch::each(request.entries, |entry| {
                queue.delete(&entry.receipt_handle, step)?;
                Ok(Succeeded::new(&entry))
            }))
        })
        .await
}
