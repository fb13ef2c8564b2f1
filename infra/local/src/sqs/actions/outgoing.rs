//! A message as a request carries it, and its way through the rules that hold for every queue.

use serde::Deserialize;
use uuid::Uuid;

use super::check_range;
use crate::sqs::error::SqsError;
use crate::sqs::message_attributes::{self, MessageAttributes};
use crate::sqs::store::Outgoing;
use crate::sqs::{attribute_rules, digest, limits, text};

/// The one system attribute a producer may set (API `SendMessage`).
const TRACE_HEADER: &str = "AWSTraceHeader";

/// What `SendMessage` and an entry of `SendMessageBatch` have in common.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageParameters {
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: MessageAttributes,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

/// A message that keeps every rule but those of its queue.
pub(super) struct Checked {
    pub(super) message: Outgoing,
    pub(super) digests: Digests,
}

/// The digests a producer gets to verify that all arrived.
pub(super) struct Digests {
    pub(super) body: String,
    pub(super) attributes: Option<String>,
    pub(super) system_attributes: Option<String>,
}

impl MessageParameters {
    /// Bytes that count towards a batch's size.
    pub(super) fn size(&self) -> usize {
        self.message_body.len() + message_attributes::size(&self.message_attributes)
    }

    pub(super) fn check(self) -> Result<Checked, SqsError> {
        if self.message_body.is_empty() {
            return Err(SqsError::MissingParameter("MessageBody".to_owned()));
        }
        text::check_contents(&self.message_body)?;
        attribute_rules::check(&self.message_attributes)?;
        check_id("MessageGroupId", self.message_group_id.as_deref())?;
        check_id("MessageDeduplicationId", self.message_deduplication_id.as_deref())?;
        let delay_seconds = check_range("DelaySeconds", self.delay_seconds, &limits::DELAY_SECONDS)?;
        let digests = Digests {
            body: digest::md5(&self.message_body),
            attributes: message_attributes::md5(&self.message_attributes),
            system_attributes: message_attributes::md5(&self.message_system_attributes),
        };
        let message = Outgoing {
            id: Uuid::new_v4(),
            md5_of_body: digests.body.clone(),
            body: self.message_body,
            attributes: self.message_attributes,
            trace_header: trace_header(self.message_system_attributes)?,
            group: self.message_group_id,
            deduplication_id: self.message_deduplication_id,
            delay_seconds,
        };
        Ok(Checked { message, digests })
    }
}

fn check_id(parameter: &str, id: Option<&str>) -> Result<(), SqsError> {
    id.map_or(Ok(()), |id| text::check_fifo_id(parameter, id))
}

fn trace_header(mut attributes: MessageAttributes) -> Result<Option<String>, SqsError> {
    let header = attributes.remove(TRACE_HEADER);
    if let Some(unknown) = attributes.keys().next() {
        return Err(SqsError::invalid(
            "MessageSystemAttributes",
            unknown,
            "The only system attribute to send is AWSTraceHeader.",
        ));
    }
    match header {
        None => Ok(None),
        Some(header) if header.data_type == "String" && header.string_value.is_some() => {
            Ok(header.string_value)
        }
        Some(header) => Err(SqsError::invalid(TRACE_HEADER, &header.data_type, "It must be of type String.")),
    }
}
