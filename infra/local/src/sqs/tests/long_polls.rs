//! Receives that wait.

use std::time::Duration;

use super::{Server, bodies, move_until, receive_count};

#[tokio::test]
async fn a_long_poll_of_an_empty_queue_waits_its_whole_time() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let poll = tokio::spawn(async move { queue.poll(2).await });
    assert!(move_until(&control, &poll).await >= Duration::from_secs(2));
    assert!(poll.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_ends_a_long_poll_at_once() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let poll = tokio::spawn({
        let queue = queue.clone();
        async move { queue.poll(20).await }
    });
    queue.send("w").await;
    // The clock stands still, so it does not end by its time.
    assert_eq!(bodies(&poll.await.unwrap()), ["w"]);
}

#[tokio::test]
async fn the_end_of_a_visibility_timeout_ends_a_long_poll() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "5")]).await;
    queue.send("v").await;
    let first = queue.receive_one().await;
    let poll = tokio::spawn(async move { queue.poll(20).await });
    let passed = move_until(&control, &poll).await;
    assert!(passed >= Duration::from_secs(5), "{passed:?}");
    let again = poll.await.unwrap();
    assert_eq!(again[0].message_id, first.message_id);
    assert_ne!(again[0].receipt_handle, first.receipt_handle);
    assert_eq!(receive_count(&again[0]), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_polls_do_not_hold_up_a_send() {
    let (server, _control) = Server::in_memory().await;
    let (empty, other) = (server.queue("empty").await, server.queue("other").await);
    let poll = async |queue: super::TestQueue| queue.poll(20).await;
    let polls: Vec<_> = (0..40).map(|_| tokio::spawn(poll(empty.clone()))).collect();
    for number in 0..40 {
        let body = number.to_string();
        other.send(&body).await;
        assert_eq!(bodies(&other.receive().await), [body]);
    }
    assert!(polls.iter().all(|poll| !poll.is_finished()));
}
