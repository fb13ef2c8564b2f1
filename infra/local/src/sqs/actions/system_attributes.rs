//! The attributes SQS itself gives a message.

use std::collections::BTreeMap;

use crate::sqs::name::{ACCOUNT, QueueName};
use crate::sqs::store::Received;

/// Those that `wanted` names, by name or with `All`.
pub(super) fn system_attributes(received: &Received, wanted: &[String]) -> BTreeMap<&'static str, String> {
    let (sent, delivery) = (&received.message.sent, &received.message.delivery);
    // Every message of a FIFO queue has a deduplication id, and no other has.
    let sequence_number = sent.deduplication_id.as_ref().map(|_| received.handle.sequence.to_string());
    let attributes = [
        ("ApproximateReceiveCount", Some(delivery.receive_count().to_string())),
        ("ApproximateFirstReceiveTimestamp", delivery.first_received_at.map(|at| at.to_string())),
        ("SentTimestamp", Some(sent.sent_at.to_string())),
        // There are no users here: whoever sent the message did it as the account.
        ("SenderId", Some(ACCOUNT.to_owned())),
        ("MessageGroupId", sent.group.clone()),
        ("MessageDeduplicationId", sent.deduplication_id.clone()),
        ("SequenceNumber", sequence_number),
        ("AWSTraceHeader", sent.trace_header.clone()),
        ("DeadLetterQueueSourceArn", delivery.dead_letter_source.as_ref().map(QueueName::arn)),
    ];
    let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == "All" || wanted == name);
    attributes
        .into_iter()
        .filter(|(name, _)| is_wanted(name))
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
