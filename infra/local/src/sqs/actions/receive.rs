//! `ReceiveMessage`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::system_attributes::system_attributes;
use super::{Call, check_range};
use crate::sqs::error::SqsError;
use crate::sqs::message_attributes::{self, MessageAttributeValue};
use crate::sqs::name::QueueName;
use crate::sqs::store::{Receive, Received};
use crate::sqs::{limits, text};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    receive_request_attempt_id: Option<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    /// The older name of `MessageSystemAttributeNames`.
    #[serde(default)]
    attribute_names: Vec<String>,
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
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<String, MessageAttributeValue>,
}

pub(super) async fn receive(call: &Call<'_>, request: ReceiveMessage) -> Result<Messages, SqsError> {
    let name = QueueName::from_url(&request.queue_url)?;
    let max =
        check_range("MaxNumberOfMessages", request.max_number_of_messages, &limits::MAX_NUMBER_OF_MESSAGES)?;
    let wait = check_range("WaitTimeSeconds", request.wait_time_seconds, &limits::WAIT_TIME_SECONDS)?;
    if let Some(id) = &request.receive_request_attempt_id {
        text::check_fifo_id("ReceiveRequestAttemptId", id)?;
    }
    let ask = Receive {
        max: max.unwrap_or(limits::DEFAULT_MAX_NUMBER_OF_MESSAGES) as usize,
        visibility_timeout: check_range(
            "VisibilityTimeout",
            request.visibility_timeout,
            &limits::VISIBILITY_TIMEOUT,
        )?,
        attempt_id: request.receive_request_attempt_id,
    };
    let received = call.endpoint.receive(&name, &ask, wait).await?;
    let system_names = [request.attribute_names, request.message_system_attribute_names].concat();
    let messages =
        received.iter().map(|received| show(received, &system_names, &request.message_attribute_names));
    Ok(Messages { messages: messages.collect() })
}

fn show(received: &Received, system_names: &[String], names: &[String]) -> Message {
    let sent = &received.message.sent;
    let attributes =
        sent.attributes.iter().filter(|(name, _)| names.iter().any(|wanted| names_attribute(wanted, name)));
    Message {
        message_id: sent.id.clone(),
        receipt_handle: received.handle.encode(),
        md5_of_body: sent.md5_of_body.clone(),
        body: sent.body.clone(),
        attributes: system_attributes(received, system_names),
        // Of those returned, so that the consumer can verify what it has.
        md5_of_message_attributes: message_attributes::md5(attributes.clone()),
        message_attributes: attributes.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// Whether an entry of `MessageAttributeNames` asks for the attribute: by name, by `All` or `.*`, or
/// by a prefix such as `bar.*`.
fn names_attribute(wanted: &str, name: &str) -> bool {
    wanted == name
        || wanted == "All"
        || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_asked_for_by_name_by_prefix_or_all() {
        for wanted in ["bar.one", "bar.*", ".*", "All"] {
            assert!(names_attribute(wanted, "bar.one"), "{wanted}");
        }
        for other in ["bar", "foo.*", "Bar.one", ""] {
            assert!(!names_attribute(other, "bar.one"), "{other}");
        }
    }
}
