//! What is left of an endpoint that was killed or stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::{QUEUE, Served};
use crate::clock::{Clock, Hand};
use crate::sqs::{OpenError, Sqs};

const START: u64 = 1_795_000_000_000;

/// A folder for an endpoint's file, and a clock that outlives the endpoint.
struct Machine {
    folder: TempDir,
    clock: Clock,
    hand: Hand,
}

impl Machine {
    fn new() -> Self {
        let (clock, hand) = Clock::manual(START);
        Self { folder: tempfile::tempdir().unwrap(), clock, hand }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("sqs.db")
    }

    async fn serve(&self, file: &Path) -> Served {
        Served::new(Sqs::open(file, self.clock.clone()).unwrap()).await
    }

    /// The files as a kill at this moment would leave them: no shutdown code has run on them.
    fn what_a_kill_leaves(&self) -> PathBuf {
        let left = self.folder.path().join("left.db");
        for suffix in ["", "-wal"] {
            let with_suffix = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(with_suffix(&self.file()), with_suffix(&left)).unwrap();
        }
        left
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_loses_nothing_that_was_acknowledged() {
    let machine = Machine::new();
    let mut before = machine.serve(&machine.file()).await;
    let create =
        json!({ "QueueName": "q", "Attributes": { "VisibilityTimeout": "45" }, "tags": { "a": "b" } });
    before.call("CreateQueue", create).await;
    for (body, delay) in [("taken", 0), ("gone", 0), ("later", 100)] {
        let attributes = json!({ "k": { "DataType": "Binary", "BinaryValue": "AP8=" } });
        let request = json!({ "QueueUrl": QUEUE, "MessageBody": body, "DelaySeconds": delay, "MessageAttributes": attributes });
        before.call("SendMessage", request).await;
    }
    let received = before.receive().await;
    let delete = |handle: &Value| json!({ "QueueUrl": QUEUE, "ReceiptHandle": handle });
    before.call("DeleteMessage", delete(&received[1]["ReceiptHandle"])).await;
    machine.hand.advance(Duration::from_secs(10));

    let mut after = machine.serve(&machine.what_a_kill_leaves()).await;
    assert_eq!(after.attribute("VisibilityTimeout").await, "45");
    assert_eq!(after.call("ListQueueTags", json!({ "QueueUrl": QUEUE })).await["Tags"]["a"], "b");
    assert_eq!(after.attribute("ApproximateNumberOfMessagesNotVisible").await, "1");
    assert_eq!(after.attribute("ApproximateNumberOfMessagesDelayed").await, "1");
    assert!(after.receive().await.is_empty(), "what was in flight still is");

    machine.hand.advance(Duration::from_secs(35));
    let again = after.receive().await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["Body"], "taken");
    let attributes = &again[0]["Attributes"];
    assert_eq!(attributes["ApproximateReceiveCount"], "2");
    assert_eq!(attributes["SentTimestamp"], START.to_string());
    assert_eq!(attributes["ApproximateFirstReceiveTimestamp"], START.to_string());

    machine.hand.advance(Duration::from_secs(55));
    let bodies: Vec<_> = after.receive().await.iter().map(|message| message["Body"].clone()).collect();
    assert_eq!(bodies, ["taken", "later"]);
}

#[tokio::test]
async fn a_receipt_handle_from_before_a_kill_still_deletes() {
    let machine = Machine::new();
    let mut before = machine.serve(&machine.file()).await;
    before.call("CreateQueue", json!({ "QueueName": "q" })).await;
    before.call("SendMessage", json!({ "QueueUrl": QUEUE, "MessageBody": "a" })).await;
    let received = before.receive().await;

    let mut after = machine.serve(&machine.what_a_kill_leaves()).await;
    let delete = json!({ "QueueUrl": QUEUE, "ReceiptHandle": received[0]["ReceiptHandle"] });
    after.call("DeleteMessage", delete).await;
    assert_eq!(after.attribute("ApproximateNumberOfMessagesNotVisible").await, "0");
}

#[tokio::test]
async fn a_repeat_of_a_fifo_message_is_known_after_a_kill() {
    let machine = Machine::new();
    let mut before = machine.serve(&machine.file()).await;
    let create = json!({ "QueueName": "q.fifo", "Attributes": { "FifoQueue": "true" } });
    let url = before.call("CreateQueue", create).await["QueueUrl"].clone();
    let send =
        json!({ "QueueUrl": url, "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1" });
    let first = before.call("SendMessage", send.clone()).await;

    let mut after = machine.serve(&machine.what_a_kill_leaves()).await;
    assert_eq!(after.call("SendMessage", send).await, first);
}

#[tokio::test]
async fn a_stopped_endpoint_frees_its_file_and_answers_no_more() {
    let machine = Machine::new();
    let mut before = machine.serve(&machine.file()).await;
    before.call("CreateQueue", json!({ "QueueName": "q" })).await;
    let poll = json!({ "QueueUrl": QUEUE, "WaitTimeSeconds": 20 });
    before.write("ReceiveMessage", &poll).await;
    before.serving.abort();
    assert!((&mut before.serving).await.unwrap_err().is_cancelled());

    let mut after = machine.serve(&machine.file()).await;
    after.call("SendMessage", json!({ "QueueUrl": QUEUE, "MessageBody": "a" })).await;
    let mut rest = Vec::new();
    // A reset, if the poll was not even read, is an end too.
    let _ = before.connection.read_to_end(&mut rest).await;
    assert!(
        !rest.starts_with(b"HTTP/1.1 200"),
        "the old endpoint answered from queues that are no longer its own"
    );
    assert_eq!(after.receive().await.len(), 1);
}

#[tokio::test]
async fn two_endpoints_cannot_share_a_file() {
    let machine = Machine::new();
    let _first = Sqs::open(machine.file(), machine.clock.clone()).unwrap();
    assert!(matches!(Sqs::open(machine.file(), machine.clock.clone()), Err(OpenError::File { .. })));
}
