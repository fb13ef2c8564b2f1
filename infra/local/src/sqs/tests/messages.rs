//! Messages from their sending to their deletion.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};

use crate::lambda::trace::TRACE;

use super::{START_MS, Server, TestQueue, bodies, receive_count, refused, system_attribute};

#[tokio::test]
async fn a_message_arrives_as_it_was_sent_and_can_be_deleted() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let sent = server.sqs.send_message().queue_url(&queue.url).message_body("hé €").send().await.unwrap();
    // printf 'hé €' | md5sum
    let md5 = "efd6d3b335cdc24d1786a6eafb4b5848";
    assert_eq!(sent.md5_of_message_body(), Some(md5));
    control.advance(Duration::from_secs(1));
    let received = queue.receive_one().await;
    assert_eq!((received.body(), received.md5_of_body()), (Some("hé €"), Some(md5)));
    assert_eq!(received.message_id, sent.message_id);
    let sent_at = START_MS.to_string();
    let received_at = (START_MS + 1_000).to_string();
    let expected = [
        (MessageSystemAttributeName::ApproximateFirstReceiveTimestamp, received_at.as_str()),
        (MessageSystemAttributeName::ApproximateReceiveCount, "1"),
        (MessageSystemAttributeName::SenderId, "000000000000"),
        (MessageSystemAttributeName::SentTimestamp, sent_at.as_str()),
    ];
    assert_eq!(received.attributes, Some(expected.map(|(name, value)| (name, value.to_owned())).into()));
    assert!(queue.receive().await.is_empty());
    queue.delete(&received).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn group_id_and_trace_header_arrive_with_the_message() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header);
    let send = server.sqs.send_message().queue_url(&queue.url).message_body("a").message_group_id("tenant1");
    let send = send.message_system_attributes(
        MessageSystemAttributeNameForSends::AwsTraceHeader,
        value.build().unwrap(),
    );
    let sent = send.send().await.unwrap();
    // As Python computes it from the documented encoding: length-prefixed name, type and value, 1 for a string.
    assert_eq!(sent.md5_of_message_system_attributes(), Some("62a56dd927315f2b2e12832b84617ea5"));
    let received = queue.receive_one().await;
    assert_eq!(system_attribute(&received, &MessageSystemAttributeName::AwsTraceHeader), Some(header));
    assert_eq!(system_attribute(&received, &MessageSystemAttributeName::MessageGroupId), Some("tenant1"));
}

#[tokio::test]
async fn a_message_keeps_the_trace_header_of_its_request() {
    let (server, _hand) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=Dispatch:3".to_owned();
    TRACE.scope(header.clone(), queue.send("a")).await;
    let received = queue.receive_one().await;
    assert_eq!(
        system_attribute(&received, &MessageSystemAttributeName::AwsTraceHeader),
        Some(header.as_str())
    );
}

#[tokio::test]
async fn a_delayed_message_is_invisible_until_its_delay_ends() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    queue.send_delayed("d", 10).await;
    assert_eq!(queue.counts().await, [0, 0, 1]);
    control.advance(Duration::from_secs(9));
    assert!(queue.receive().await.is_empty());
    control.advance(Duration::from_secs(1));
    assert_eq!(bodies(&queue.receive().await), ["d"]);
}

#[tokio::test]
async fn a_body_has_1_byte_to_1_mib_of_allowed_characters() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let largest = "x".repeat(1_048_576);
    queue.send(&largest).await;
    assert_eq!(queue.receive_one().await.body(), Some(largest.as_str()));
    let too_large = largest + "x";
    for (body, code) in [
        (too_large.as_str(), "InvalidParameterValue"),
        ("", "MissingParameter"),
        ("a\u{8}b", "InvalidMessageContents"),
    ] {
        let sent = server.sqs.send_message().queue_url(&queue.url).message_body(body).send().await;
        assert_eq!(refused(sent), code);
    }
}

#[tokio::test]
async fn numbers_out_of_range_are_refused() {
    let (server, _control) = Server::in_memory().await;
    let TestQueue { sqs, url } = server.queue("q").await;
    let receive = || sqs.receive_message().queue_url(&url);
    for receive in [
        receive().max_number_of_messages(0),
        receive().max_number_of_messages(11),
        receive().wait_time_seconds(21),
        receive().visibility_timeout(43_201),
    ] {
        assert_eq!(refused(receive.send().await), "InvalidParameterValue");
    }
    let send = sqs.send_message().queue_url(&url).message_body("x").delay_seconds(901);
    assert_eq!(refused(send.send().await), "InvalidParameterValue");
}

#[tokio::test]
async fn an_old_receipt_handle_deletes_nothing_and_is_no_error() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "30")]).await;
    queue.send("v").await;
    let old = queue.receive_one().await;
    control.advance(Duration::from_secs(30));
    let latest = queue.receive_one().await;
    assert_ne!(old.receipt_handle(), latest.receipt_handle());
    assert_eq!(receive_count(&latest), "2");
    queue.delete(&old).await;
    assert_eq!(queue.counts().await, [0, 1, 0]);
    let refusal = queue.change_visibility(&old, 0).await;
    assert_eq!(refusal.as_deref(), Some("InvalidParameterValue"), "another consumer has it now");
    queue.delete(&latest).await;
    queue.delete(&latest).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_receipt_handle_of_another_queue_or_of_none_is_refused() {
    let (server, _control) = Server::in_memory().await;
    let (queue, other) = (server.queue("q").await, server.queue("other").await);
    other.send("x").await;
    let of_other = other.receive_one().await.receipt_handle.unwrap();
    for handle in [of_other.as_str(), "bogus"] {
        let delete = server.sqs.delete_message().queue_url(&queue.url).receipt_handle(handle).send().await;
        assert_eq!(refused(delete), "ReceiptHandleIsInvalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_consumers_receive_each_of_400_messages_exactly_once() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    for batch in 0..40 {
        let entry = |number: i32| SendMessageBatchRequestEntry::builder().id(number.to_string());
        let entries =
            (0..10).map(|number| entry(number).message_body(format!("{batch}-{number}")).build().unwrap());
        let send = server.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries.collect()));
        assert!(send.send().await.unwrap().failed().is_empty());
    }
    let consumers: Vec<_> = (0..16).map(|_| tokio::spawn(consume(queue.clone()))).collect();
    let mut received = Vec::new();
    for consumer in consumers {
        received.extend(consumer.await.unwrap());
    }
    assert_eq!(received.len(), 400);
    assert_eq!(BTreeSet::from_iter(received).len(), 400);
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

/// Receives and deletes until nothing is visible, and returns the bodies.
async fn consume(queue: TestQueue) -> Vec<String> {
    let mut received = Vec::new();
    loop {
        let messages = queue.receive().await;
        if messages.is_empty() {
            return received;
        }
        let entries = messages.iter().enumerate().map(|(number, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
        });
        let delete =
            queue.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries.collect()));
        assert!(delete.send().await.unwrap().failed().is_empty());
        received.extend(messages.into_iter().map(|message| message.body.unwrap()));
    }
}
