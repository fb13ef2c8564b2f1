//! `SendMessage`, `SendMessageBatch`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::batch::{self, Results};
use super::request::{Call, check_range};
use crate::sqs::error::SqsError;
use crate::sqs::queue_name::QueueName;
use crate::sqs::store::{Queue, SentMessage, Transaction};
use crate::sqs::{characters, digest, limits};

const TRACE_HEADER: &str = "AWSTraceHeader";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessage {
    queue_url: String,
    message_body: String,
    delay_seconds: Option<i64>,
    message_group_id: Option<String>,
    #[serde(default)]
    message_system_attributes: SystemAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessageBatch {
    queue_url: String,
    entries: Vec<SendEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendEntry {
    id: String,
    message_body: String,
    delay_seconds: Option<i64>,
    message_group_id: Option<String>,
    #[serde(default)]
    message_system_attributes: SystemAttributes,
}

/// The one system attribute that a producer may set (API `SendMessage`).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemAttributes {
    #[serde(rename = "AWSTraceHeader")]
    trace_header: Option<SystemAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SystemAttribute {
    data_type: String,
    string_value: String,
}

/// The response, with digests by which a producer verifies that everything arrived.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    #[serde(rename = "MessageId")]
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_system_attributes: Option<String>,
}

pub(super) async fn send(call: &Call<'_>, request: SendMessage) -> Result<Sent, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let checked = check(
        request.message_body,
        request.delay_seconds,
        request.message_group_id,
        request.message_system_attributes,
        call.trace,
    )?;
    call.endpoint.transact(|store, tx| Ok(checked.send_to(store.queue(&name)?, tx))).await
}

pub(super) async fn send_batch(
    call: &Call<'_>,
    request: SendMessageBatch,
) -> Result<Results<Sent>, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    batch::check(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let size = request.entries.iter().map(|entry| entry.message_body.len()).sum();
    if size > limits::PAYLOAD_BYTES {
        return Err(SqsError::BatchRequestTooLong(size));
    }
    // Before the transaction, so that digests of large bodies do not delay other requests.
    let check = |entry: SendEntry| {
        let SendEntry { id, message_body, delay_seconds, message_group_id, message_system_attributes } =
            entry;
        (id, check(message_body, delay_seconds, message_group_id, message_system_attributes, call.trace))
    };
    let entries = request.entries.into_iter().map(check).collect();
    call.endpoint
        .transact(|store, tx| {
            let queue = store.queue(&name)?;
            Ok(batch::each(entries, |checked: Result<Checked, _>| Ok(checked?.send_to(queue, tx))))
        })
        .await
}

/// A message that SQS accepts.
struct Checked {
    message: SentMessage,
    delay_seconds: u32,
    response: Sent,
}

impl Checked {
    fn send_to(self, queue: &mut Queue, tx: &mut Transaction) -> Sent {
        queue.send(self.message, self.delay_seconds, tx);
        self.response
    }
}

fn check(
    body: String,
    delay_seconds: Option<i64>,
    group: Option<String>,
    system_attributes: SystemAttributes,
    trace: Option<&str>,
) -> Result<Checked, SqsError> {
    if body.is_empty() {
        return Err(SqsError::MissingParameter("MessageBody".to_owned()));
    }
    if body.len() > limits::PAYLOAD_BYTES {
        return Err(SqsError::MessageTooLong);
    }
    characters::check_body(&body)?;
    group.as_deref().map_or(Ok(()), characters::check_group_id)?;
    let delay_seconds = check_range("DelaySeconds", delay_seconds, &limits::DELAY_SECONDS)?;
    let trace_header = trace_header(system_attributes)?;
    let response = Sent {
        message_id: Uuid::new_v4().to_string(),
        md5_of_body: digest::of_body(&body),
        md5_of_system_attributes: trace_header
            .as_deref()
            .map(|value| digest::of_string_attribute(TRACE_HEADER, value)),
    };
    let message = SentMessage {
        id: response.message_id.clone(),
        md5_of_body: response.md5_of_body.clone(),
        body,
        trace_header: trace_header.or_else(|| trace.map(str::to_owned)),
        group,
    };
    Ok(Checked { message, delay_seconds: delay_seconds.unwrap_or(*limits::DELAY_SECONDS.start()), response })
}

fn trace_header(attributes: SystemAttributes) -> Result<Option<String>, SqsError> {
    match attributes.trace_header {
        Some(header) if header.data_type != "String" => {
            Err(SqsError::invalid(TRACE_HEADER, &header.data_type, "It must be of type String."))
        }
        header => Ok(header.map(|header| header.string_value)),
    }
}
