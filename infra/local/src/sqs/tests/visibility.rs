//! Visibility timeouts.

use std::time::Duration;

use super::{Server, bodies, receive_count};

#[tokio::test]
async fn a_message_is_visible_again_after_the_queues_visibility_timeout() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "5")]).await;
    queue.send("v").await;
    queue.receive_one().await;
    control.advance(Duration::from_secs(4));
    assert!(queue.receive().await.is_empty());
    control.advance(Duration::from_secs(1));
    assert_eq!(receive_count(&queue.receive_one().await), "2");
}

#[tokio::test]
async fn a_change_of_visibility_counts_from_the_change() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "30")]).await;
    queue.send("v").await;
    let received = queue.receive_one().await;
    assert_eq!(queue.change_visibility(&received, 0).await, None);
    let received = queue.receive_one().await;
    control.advance(Duration::from_secs(20));
    assert_eq!(queue.change_visibility(&received, 30).await, None);
    control.advance(Duration::from_secs(29));
    assert!(queue.receive().await.is_empty(), "it was extended");
    control.advance(Duration::from_secs(1));
    assert_eq!(bodies(&queue.receive().await), ["v"]);
}

#[tokio::test]
async fn a_message_is_in_flight_for_twelve_hours_at_most() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    queue.send("v").await;
    let received = queue.receive_one().await;
    assert_eq!(queue.change_visibility(&received, 43_200).await, None);
    let invalid = Some("InvalidParameterValue".to_owned());
    assert_eq!(queue.change_visibility(&received, 43_201).await, invalid);
    control.advance(Duration::from_secs(1));
    assert_eq!(queue.change_visibility(&received, 43_200).await, invalid, "it counts from the receive");
    assert_eq!(queue.change_visibility(&received, 43_199).await, None);
}

#[tokio::test]
async fn after_its_visibility_timeout_a_message_is_not_in_flight_but_can_be_deleted() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "5")]).await;
    queue.send("v").await;
    let received = queue.receive_one().await;
    control.advance(Duration::from_secs(5));
    let refusal = queue.change_visibility(&received, 5).await;
    assert_eq!(refusal.as_deref(), Some("AWS.SimpleQueueService.MessageNotInflight"));
    queue.delete(&received).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
}
