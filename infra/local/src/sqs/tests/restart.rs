//! What is left of an endpoint that was killed or stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use tempfile::TempDir;

use super::{START_MS, Server, bodies, receive_count, system_attribute};
use crate::clock::{Clock, ClockControl};
use crate::sqs::{OpenError, Sqs};

/// A folder for an endpoint's file, and a clock that outlives the endpoint.
struct Machine {
    folder: TempDir,
    clock: Clock,
    control: ClockControl,
}

impl Machine {
    fn new() -> Self {
        let (clock, control) = Clock::manual(START_MS);
        Self { folder: tempfile::tempdir().unwrap(), clock, control }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("sqs.db")
    }

    async fn serve(&self, file: &Path) -> Server {
        Server::start(Sqs::open(file, self.clock.clone()).unwrap()).await
    }

    /// The files as a kill at this moment would leave them: no shutdown code has run on them.
    fn files_after_kill(&self) -> PathBuf {
        let left = self.folder.path().join("left.db");
        for suffix in ["", "-wal"] {
            let with_suffix = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(with_suffix(&self.file()), with_suffix(&left)).unwrap();
        }
        left
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let machine = Machine::new();
    let before = machine.serve(&machine.file()).await;
    let queue = before.queue_with("q", &[("VisibilityTimeout", "45")]).await;
    queue.send("received").await;
    queue.send("deleted").await;
    queue.send_delayed("later", 100).await;
    let received = queue.receive().await;
    assert_eq!(bodies(&received), ["received", "deleted"]);
    queue.delete(&received[1]).await;
    machine.control.advance(Duration::from_secs(10));

    let after = machine.serve(&machine.files_after_kill()).await;
    let queue = after.queue("q").await;
    assert_eq!(queue.attribute(QueueAttributeName::VisibilityTimeout).await, "45");
    assert_eq!(queue.counts().await, [0, 1, 1]);
    assert!(queue.receive().await.is_empty(), "what was in flight still is");

    machine.control.advance(Duration::from_secs(35));
    let again = queue.receive_one().await;
    assert_eq!((again.body(), receive_count(&again)), (Some("received"), "2"));
    for time in [
        MessageSystemAttributeName::SentTimestamp,
        MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
    ] {
        assert_eq!(system_attribute(&again, &time), Some(START_MS.to_string().as_str()));
    }

    machine.control.advance(Duration::from_secs(55));
    assert_eq!(bodies(&queue.receive().await), ["received", "later"]);
}

#[tokio::test]
async fn a_receipt_handle_from_before_a_kill_still_deletes() {
    let machine = Machine::new();
    let before = machine.serve(&machine.file()).await;
    let queue = before.queue("q").await;
    queue.send("a").await;
    let received = queue.receive_one().await;

    let after = machine.serve(&machine.files_after_kill()).await;
    let queue = after.queue("q").await;
    queue.delete(&received).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_file_of_the_format_before_is_upgraded() {
    let machine = Machine::new();
    let old = rusqlite::Connection::open(machine.file()).unwrap();
    old.execute_batch(
        r#"
        CREATE TABLE queue (name TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE message (
            queue TEXT NOT NULL, sequence INTEGER NOT NULL, sent TEXT NOT NULL, delivery TEXT NOT NULL,
            PRIMARY KEY (queue, sequence)
        ) WITHOUT ROWID;
        CREATE TABLE deduplication (queue TEXT NOT NULL, key TEXT NOT NULL, remembered TEXT NOT NULL);
        CREATE TABLE move_task (handle TEXT PRIMARY KEY, task TEXT NOT NULL);
        INSERT INTO queue VALUES ('q', '{
            "attributes": {
                "visibility_timeout": 45, "delay_seconds": 0, "message_retention_period": 345600, "fifo": null,
                "redrive_policy": {"dead_letter_target": "q2", "max_receive_count": 4}, "redrive_allow_policy": null
            },
            "tags": {}, "created_at": 1795000000000, "modified_at": 1795000000000
        }');
        INSERT INTO message VALUES ('q', 1795000000000000000, '{
            "id": "0b8c5c0e-9d0c-4c0b-8a0e-000000000001", "body": "kept", "md5_of_body": "", "attributes": {},
            "trace_header": null, "group": "tenant", "deduplication_id": null, "sent_at": 1795000000000
        }', '{
            "receives": 1, "earlier_receives": 0, "first_received_at": 1795000000000, "received_at": 1795000000000,
            "visible_at": 1795000000000, "enqueued_at": 1795000000000, "dead_letter_source": null
        }');
        PRAGMA user_version = 1;
        "#,
    )
    .unwrap();
    drop(old);
    // The second time, it is already of the new format.
    for count in ["2", "3"] {
        let mut server = machine.serve(&machine.file()).await;
        let queue = server.queue("q").await;
        assert_eq!(queue.attribute(QueueAttributeName::VisibilityTimeout).await, "45");
        let received = queue.receive_one().await;
        assert_eq!((received.body(), receive_count(&received)), (Some("kept"), count));
        assert_eq!(system_attribute(&received, &MessageSystemAttributeName::MessageGroupId), Some("tenant"));
        machine.control.advance(Duration::from_secs(45));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_stopped_endpoint_frees_its_file_and_answers_no_more() {
    let machine = Machine::new();
    let mut before = machine.serve(&machine.file()).await;
    let queue = before.queue("q").await;
    let receive = queue.sqs.receive_message().queue_url(&queue.url).wait_time_seconds(20);
    let poll = tokio::spawn(receive.send());
    before.stop().await;

    let after = machine.serve(&machine.file()).await;
    let queue = after.queue("q").await;
    queue.send("a").await;
    assert!(poll.await.unwrap().is_err(), "the old endpoint answered from queues that are no longer its own");
    assert_eq!(queue.receive().await.len(), 1);
}

#[tokio::test]
async fn two_endpoints_cannot_share_a_file() {
    let machine = Machine::new();
    let _first = Sqs::open(machine.file(), machine.clock.clone()).unwrap();
    assert!(matches!(Sqs::open(machine.file(), machine.clock.clone()), Err(OpenError::File { .. })));
}
