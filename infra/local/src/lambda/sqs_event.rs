//! Turns SQS messages into Lambda's event.
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>

use aws_sdk_sqs::types::Message;
use serde_json::{Map, Value, json};

/// What Lambda adds to each message: the queue that it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) queue_arn: &'a str,
    pub(super) region: &'a str,
}

impl Source<'_> {
    /// The event of one batch.
    pub(super) fn event(self, messages: &[Message]) -> Value {
        json!({ "Records": messages.iter().map(|message| self.record(message)).collect::<Vec<_>>() })
    }

    fn record(self, message: &Message) -> Value {
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": system_attributes(message),
            // Part of the format, although Ringback sends none.
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.region,
        })
    }
}

fn system_attributes(message: &Message) -> Map<String, Value> {
    let attributes = message.attributes().into_iter().flatten();
    attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;

    use super::*;

    #[test]
    fn a_message_becomes_the_record_that_lambda_documents() {
        let message = Message::builder()
            .message_id("id-1")
            .receipt_handle("handle-1")
            .body("{}")
            .md5_of_body("99914b932bd37a50b983c5e7c90ae93b")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
            .build();
        let source = Source { queue_arn: "arn:aws:sqs:us-east-1:000000000000:q", region: "us-east-1" };
        assert_eq!(
            source.event(&[message]),
            json!({ "Records": [{
                "messageId": "id-1",
                "receiptHandle": "handle-1",
                "body": "{}",
                "attributes": {"ApproximateReceiveCount": "2"},
                "messageAttributes": {},
                "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
                "awsRegion": "us-east-1",
            }]})
        );
    }
}
