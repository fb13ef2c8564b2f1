//! Dead-letter queues.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;

use super::{Server, TestQueue, bodies, move_until, receive_count, refused};

/// A queue with a visibility timeout of five seconds, and its dead-letter queue.
async fn queues(server: &Server, max_receive_count: u32) -> (TestQueue, TestQueue) {
    let dead_letters = server.queue("dead-letters").await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "5")]).await;
    queue.redrive_to(&dead_letters, max_receive_count).await;
    (queue, dead_letters)
}

#[tokio::test]
async fn a_message_is_received_exactly_as_often_as_the_policy_allows() {
    let (server, _control) = Server::in_memory().await;
    let (queue, dead_letters) = queues(&server, 4).await;
    let id = queue.send("poison").await;
    for count in ["1", "2", "3", "4"] {
        let received = queue.receive_one().await;
        assert_eq!(receive_count(&received), count);
        assert_eq!(queue.change_visibility(&received, 0).await, None);
        assert_eq!(dead_letters.counts().await, [0, 0, 0], "only the next receive makes it a dead letter");
    }
    assert!(queue.receive().await.is_empty());
    assert_eq!(queue.counts().await, [0, 0, 0]);
    let dead = dead_letters.receive_one().await;
    assert_eq!((dead.body(), dead.message_id()), (Some("poison"), Some(id.as_str())));
    assert_eq!(receive_count(&dead), "5");
}

#[tokio::test]
async fn a_message_whose_visibility_timeout_ends_is_redriven_too() {
    let (server, control) = Server::in_memory().await;
    let (queue, dead_letters) = queues(&server, 2).await;
    queue.send("p").await;
    let mut received = 0;
    for _ in 0..4 {
        received += queue.receive().await.len();
        control.advance(Duration::from_secs(5));
    }
    assert_eq!(received, 2);
    assert_eq!(bodies(&dead_letters.receive().await), ["p"]);
}

#[tokio::test]
async fn a_dead_letter_keeps_its_age() {
    let (server, control) = Server::in_memory().await;
    let (queue, dead_letters) = queues(&server, 1).await;
    dead_letters.set(QueueAttributeName::MessageRetentionPeriod, "60").await;
    queue.send("p").await;
    queue.receive_one().await;
    control.advance(Duration::from_secs(50));
    assert!(queue.receive().await.is_empty());
    assert_eq!(dead_letters.counts().await, [1, 0, 0]);
    control.advance(Duration::from_secs(10));
    assert_eq!(dead_letters.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn one_poison_message_does_not_hold_up_the_others() {
    let (server, control) = Server::in_memory().await;
    let (queue, dead_letters) = queues(&server, 1).await;
    queue.send("poison").await;
    queue.receive_one().await;
    control.advance(Duration::from_secs(5));
    queue.send("a").await;
    queue.send("b").await;
    assert_eq!(bodies(&queue.receive().await), ["a", "b"]);
    assert_eq!(bodies(&dead_letters.receive().await), ["poison"]);
}

#[tokio::test]
async fn a_dead_letter_queue_must_exist_and_allow_the_source() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let others = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#, arn("other"));
    server.queue_with("denies", &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]).await;
    server.queue_with("others", &[("RedriveAllowPolicy", &others)]).await;
    for target in ["missing", "q", "denies", "others"] {
        let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":4}}"#, arn(target));
        let set = server.sqs.set_queue_attributes().queue_url(&queue.url);
        let set = set.attributes(QueueAttributeName::RedrivePolicy, policy).send().await;
        assert_eq!(refused(set), "InvalidParameterValue", "{target}");
    }
}

#[tokio::test]
async fn a_long_poll_redrives_what_comes_back_while_it_waits() {
    let (server, control) = Server::in_memory().await;
    let (queue, dead_letters) = queues(&server, 1).await;
    queue.send("p").await;
    queue.receive_one().await;
    let poll = tokio::spawn(async move { queue.poll(20).await });
    move_until(&control, &poll).await;
    assert!(poll.await.unwrap().is_empty());
    assert_eq!(bodies(&dead_letters.receive().await), ["p"]);
}

#[tokio::test]
async fn a_policy_that_is_set_later_applies_to_the_next_receive() {
    let (server, control) = Server::in_memory().await;
    let (queue, dead_letters) = (server.queue("q").await, server.queue("dead-letters").await);
    queue.send("p").await;
    queue.set(QueueAttributeName::VisibilityTimeout, "5").await;
    queue.receive_one().await;
    queue.redrive_to(&dead_letters, 1).await;
    control.advance(Duration::from_secs(5));
    assert!(queue.receive().await.is_empty());
    assert_eq!(bodies(&dead_letters.receive().await), ["p"]);
}
