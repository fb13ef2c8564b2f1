//! `SendMessageBatch` and `DeleteMessageBatch`.

use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};

use super::{Server, TestQueue, bodies, refused};

type SdkError = aws_sdk_sqs::error::SdkError<SendMessageBatchError>;

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

impl TestQueue {
    async fn send_batch(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<SendMessageBatchOutput, SdkError> {
        self.sqs.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await
    }
}

#[tokio::test]
async fn each_entry_of_a_batch_is_sent_with_its_own_delay() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let delayed = SendMessageBatchRequestEntry::builder().id("a").message_body("1").delay_seconds(2);
    let sent = queue.send_batch(vec![delayed.build().unwrap(), entry("b", "2")]).await.unwrap();
    let ids: Vec<_> = sent.successful().iter().map(SendMessageBatchResultEntry::id).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(bodies(&queue.receive().await), ["2"]);
}

#[tokio::test]
async fn a_bad_entry_of_a_batch_fails_alone() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let sent = queue.send_batch(vec![entry("a", "good"), entry("b", "bad\u{8}")]).await.unwrap();
    assert_eq!((sent.successful().len(), sent.successful()[0].id()), (1, "a"));
    let failed = &sent.failed()[0];
    assert_eq!((failed.id(), failed.code(), failed.sender_fault()), ("b", "InvalidMessageContents", true));

    let received = queue.receive_one().await;
    let delete = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let entries = vec![delete("x", received.receipt_handle().unwrap()), delete("y", "bogus")];
    let delete = server.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries));
    let deleted = delete.send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.successful()[0].id()), (1, "x"));
    assert_eq!((deleted.failed()[0].id(), deleted.failed()[0].code()), ("y", "ReceiptHandleIsInvalid"));
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_batch_that_breaks_a_quota_is_refused_as_a_whole() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let of_size = |bytes: usize| {
        let body = "x".repeat(bytes);
        (0..10).map(|id| entry(&id.to_string(), &body)).collect::<Vec<_>>()
    };
    assert!(queue.send_batch(of_size(100_000)).await.unwrap().failed().is_empty());
    for (entries, code) in [
        (of_size(110_000), "BatchRequestTooLong"),
        (Vec::new(), "EmptyBatchRequest"),
        ((0..11).map(|id| entry(&id.to_string(), "x")).collect(), "TooManyEntriesInBatchRequest"),
        (vec![entry("a", "x"), entry("a", "y")], "BatchEntryIdsNotDistinct"),
        (vec![entry("", "x")], "InvalidBatchEntryId"),
        (vec![entry("a.b", "x")], "InvalidBatchEntryId"),
        (vec![entry(&"x".repeat(81), "x")], "InvalidBatchEntryId"),
    ] {
        let code = format!("AWS.SimpleQueueService.{code}");
        assert_eq!(refused(queue.send_batch(entries).await), code);
    }
    assert_eq!(queue.counts().await, [10, 0, 0]);
}
