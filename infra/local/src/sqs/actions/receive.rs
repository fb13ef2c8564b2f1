//! `ReceiveMessage`.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::request::{Call, check_range};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::queue_name::{ACCOUNT, QueueName};
use crate::sqs::store::{ReceiveRequest, ReceivedMessage};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    /// Accepted: most consumers send it. No message has such attributes, so none is returned.
    #[serde(rename = "MessageAttributeNames")]
    _message_attribute_names: Option<IgnoredAny>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Messages {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

pub(super) async fn receive(call: &Call<'_>, request: ReceiveMessage) -> Result<Messages, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let max =
        check_range("MaxNumberOfMessages", request.max_number_of_messages, &limits::MAX_NUMBER_OF_MESSAGES)?;
    let wait = check_range("WaitTimeSeconds", request.wait_time_seconds, &limits::WAIT_TIME_SECONDS)?;
    let visibility_timeout =
        check_range("VisibilityTimeout", request.visibility_timeout, &limits::VISIBILITY_TIMEOUT)?;
    let max = max.unwrap_or(limits::DEFAULT_MAX_NUMBER_OF_MESSAGES) as usize;
    let wait = wait.unwrap_or(*limits::WAIT_TIME_SECONDS.start());
    let received = call.endpoint.receive(&name, &ReceiveRequest { max, visibility_timeout }, wait).await?;
    let names = request.message_system_attribute_names;
    Ok(Messages { messages: received.iter().map(|received| to_response(received, &names)).collect() })
}

fn to_response(received: &ReceivedMessage, names: &[String]) -> Message {
    let sent = &received.message.sent;
    Message {
        message_id: sent.id.clone(),
        receipt_handle: received.handle.encode(),
        md5_of_body: sent.md5_of_body.clone(),
        body: sent.body.clone(),
        attributes: system_attributes(received, names),
    }
}

/// The system attributes that `names` asks for, by name or with `All`.
fn system_attributes(received: &ReceivedMessage, names: &[String]) -> BTreeMap<&'static str, String> {
    let (sent, delivery) = (&received.message.sent, &received.message.delivery);
    let attributes = [
        ("ApproximateReceiveCount", Some(delivery.receive_count().to_string())),
        ("ApproximateFirstReceiveTimestamp", delivery.first_received_at.map(|at| at.to_string())),
        ("SentTimestamp", Some(delivery.enqueued_at.to_string())),
        // There are no users here: every sender is the account.
        ("SenderId", Some(ACCOUNT.to_owned())),
        ("MessageGroupId", sent.group.clone()),
        ("AWSTraceHeader", sent.trace_header.clone()),
    ];
    let is_asked = |name: &str| names.iter().any(|asked| asked == "All" || asked == name);
    attributes
        .into_iter()
        .filter(|(name, _)| is_asked(name))
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
