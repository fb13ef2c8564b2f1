//! `ChangeMessageVisibility`.

use serde::Deserialize;

use super::request::{Call, Empty, check_range};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::queue_name::QueueName;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

pub(super) async fn change(call: &Call<'_>, request: ChangeMessageVisibility) -> Result<Empty, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let timeout =
        check_range("VisibilityTimeout", Some(request.visibility_timeout), &limits::VISIBILITY_TIMEOUT)?;
    let timeout = timeout.unwrap_or(*limits::VISIBILITY_TIMEOUT.start());
    call.endpoint
        .transact(|store, tx| store.queue(&name)?.change_visibility(&request.receipt_handle, timeout, tx))
        .await?;
    Ok(Empty {})
}
