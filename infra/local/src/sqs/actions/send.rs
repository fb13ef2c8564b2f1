//! `SendMessage`, `SendMessageBatch`.

use serde::{Deserialize, Serialize};

use super::Call;
use super::batch::{self, Entry, Results};
use super::outgoing::{Checked, MessageParameters};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;
use crate::sqs::store::{Accepted, Queue, Step};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    queue_url: String,
    #[serde(flatten)]
    message: MessageParameters,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessageBatch {
    queue_url: String,
    entries: Vec<SendEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEntry {
    id: String,
    #[serde(flatten)]
    message: MessageParameters,
}

impl Entry for SendEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

/// An entry after its check, which a bad one fails alone.
struct CheckedEntry {
    id: String,
    message: Result<Checked, SqsError>,
}

impl Entry for CheckedEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Serialize)]
pub(super) struct Sent {
    #[serde(rename = "MessageId")]
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_system_attributes: Option<String>,
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SentEntry {
    id: String,
    #[serde(flatten)]
    sent: Sent,
}

pub(super) async fn send(call: &Call<'_>, request: SendMessage) -> Result<Sent, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let message = request.message.check()?;
    call.endpoint.step(|store, step| send_one(store.queue(&name)?, message, step)).await
}

pub(super) async fn send_batch(
    call: &Call<'_>,
    request: SendMessageBatch,
) -> Result<Results<SentEntry>, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    batch::check(&request.entries)?;
    let size = request.entries.iter().map(|entry| entry.message.size()).sum();
    if size > limits::PAYLOAD_BYTES {
        return Err(SqsError::BatchRequestTooLong(size));
    }
    // Before the step, so that digests of large bodies do not hold up other requests.
    let check = |SendEntry { id, message }| CheckedEntry { id, message: message.check() };
    let entries = request.entries.into_iter().map(check).collect();
    call.endpoint
        .step(|store, step| {
            let queue = store.queue(&name)?;
            Ok(batch::each(entries, |CheckedEntry { id, message }| {
                Ok(SentEntry { id, sent: send_one(queue, message?, step)? })
            }))
        })
        .await
}

fn send_one(queue: &mut Queue, checked: Checked, step: &mut Step) -> Result<Sent, SqsError> {
    let Checked { message, digests } = checked;
    let Accepted { message_id, sequence } = queue.send(message, step)?;
    Ok(Sent {
        message_id,
        md5_of_body: digests.body,
        md5_of_attributes: digests.attributes,
        md5_of_system_attributes: digests.system_attributes,
        sequence_number: sequence.map(|sequence| sequence.to_string()),
    })
}
