//! `ChangeMessageVisibility`, `ChangeMessageVisibilityBatch`.

use serde::Deserialize;

use super::batch::{self, Entry, Results, Succeeded};
use super::{Call, Done, check_range};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;
use crate::sqs::store::{Queue, Step};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeMessageVisibilityBatch {
    queue_url: String,
    entries: Vec<ChangeEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeEntry {
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

impl Entry for ChangeEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn change(call: &Call<'_>, request: ChangeMessageVisibility) -> Result<Done, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    call.endpoint
        .step(|store, step| {
            change_one(store.queue(&name)?, &request.receipt_handle, request.visibility_timeout, step)
        })
        .await?;
    Ok(Done {})
}

pub(super) async fn change_batch(
    call: &Call<'_>,
    request: ChangeMessageVisibilityBatch,
) -> Result<Results<Succeeded>, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    batch::check(&request.entries)?;
    call.endpoint
        .step(|store, step| {
            let queue = store.queue(&name)?;
            Ok(batch::each(request.entries, |entry| {
                change_one(queue, &entry.receipt_handle, entry.visibility_timeout, step)?;
                Ok(Succeeded::new(&entry))
            }))
        })
        .await
}

fn change_one(
    queue: &mut Queue,
    handle: &str,
    timeout: Option<i64>,
    step: &mut Step,
) -> Result<(), SqsError> {
    let timeout = check_range("VisibilityTimeout", timeout, &limits::VISIBILITY_TIMEOUT)?;
    let timeout = timeout.ok_or_else(|| SqsError::MissingParameter("VisibilityTimeout".to_owned()))?;
    queue.change_visibility(handle, timeout, step)
}
