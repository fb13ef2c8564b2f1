//! A batch from SQS, and the answer that says which of its messages SQS delivers again.

use std::collections::HashSet;

use adapters::function::Error;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::delivery::message::Message;
use domain::delivery::received::Receipt;

/// A batch of one queue.
pub(crate) struct Batch {
    /// The queue's ARN.
    pub(crate) source: String,
    /// The messages that could be parsed.
    pub(crate) messages: Vec<Item>,
    /// The ids of all messages, including those that could not be parsed.
    ids: Vec<String>,
}

/// One parsed message.
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) receipt: Receipt,
    pub(crate) receive_count: Option<u32>,
    pub(crate) message: Message,
}

impl Batch {
    /// Parses each body separately, so that a poison message fails alone. A message without an id could not be reported
    /// as failed, so it fails the invocation.
    pub(crate) fn read(event: SqsEvent) -> Result<Self, Error> {
        let source =
            event.records.first().and_then(|record| record.event_source_arn.clone()).unwrap_or_default();
        let mut batch = Self { source, messages: Vec::with_capacity(event.records.len()), ids: Vec::new() };
        for record in event.records {
            let id = record.message_id.clone().filter(|id| !id.is_empty()).ok_or("a message has no id")?;
            batch.ids.push(id.clone());
            match read(id, record) {
                Ok(item) => batch.messages.push(item),
                // The body can hold anything, so it is not logged.
                Err((id, error)) => tracing::error!(message_id = id, error, "message.poison"),
            }
        }
        Ok(batch)
    }

    /// Failures are all ids minus proven successes, so SQS delivers again whatever is not proven done.
    pub(crate) fn answer(&self, done: &HashSet<&str>) -> SqsBatchResponse {
        let mut answer = SqsBatchResponse::default();
        answer.batch_item_failures = self
            .ids
            .iter()
            .filter(|id| !done.contains(id.as_str()))
            .map(|id| {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier.clone_from(id);
                failure
            })
            .collect();
        answer
    }
}

fn read(id: String, record: SqsMessage) -> Result<Item, (String, String)> {
    let message = match Message::parse(record.body.as_deref().unwrap_or_default()) {
        Ok(message) => message,
        Err(error) => return Err((id, format!("not a Ringback message: {:?}", error.classify()))),
    };
    Ok(Item {
        id,
        receipt: Receipt(record.receipt_handle.unwrap_or_default()),
        receive_count: record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()),
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[(&str, &str)]) -> Result<Batch, Error> {
        let records: Vec<_> = bodies
            .iter()
            .map(|(id, body)| serde_json::json!({"messageId": id, "body": body, "attributes": {}}))
            .collect();
        Batch::read(serde_json::from_value(serde_json::json!({ "Records": records })).unwrap())
    }

    #[test]
    fn a_poison_message_fails_alone() {
        let event = domain::testing::fakes::sample::event_message();
        let body = Message::Event(event).body();
        let batch = batch(&[("a", &body), ("b", "not json"), ("c", "")]).unwrap();
        assert_eq!(batch.messages.len(), 1);
        let failures = batch.answer(&HashSet::from(["a"])).batch_item_failures;
        let failed: Vec<_> = failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        assert_eq!(failed, ["b", "c"]);
    }

    #[test]
    fn a_message_without_an_id_fails_the_invocation() {
        assert!(batch(&[("", "{}")]).is_err());
    }
}
