//! Queues and their attributes.

use aws_sdk_sqs::types::QueueAttributeName;

use super::{Server, refused};

#[tokio::test]
async fn a_queue_has_the_attributes_it_was_created_with_and_the_defaults() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("VisibilityTimeout", "45")]).await;
    assert_eq!(queue.url, format!("{}/000000000000/q", server.url));
    let get = server.sqs.get_queue_attributes().queue_url(&queue.url);
    let attributes = get.attribute_names(QueueAttributeName::All).send().await.unwrap().attributes.unwrap();
    let expected = [
        (QueueAttributeName::ApproximateNumberOfMessages, "0"),
        (QueueAttributeName::ApproximateNumberOfMessagesDelayed, "0"),
        (QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "0"),
        (QueueAttributeName::MessageRetentionPeriod, "345600"),
        (QueueAttributeName::QueueArn, "arn:aws:sqs:us-east-1:000000000000:q"),
        (QueueAttributeName::VisibilityTimeout, "45"),
    ];
    assert_eq!(attributes, expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[tokio::test]
async fn creating_a_queue_again_is_no_error_unless_an_attribute_differs() {
    let (server, _control) = Server::in_memory().await;
    let first = server.queue_with("q", &[("VisibilityTimeout", "45")]).await;
    assert_eq!(server.queue_with("q", &[("VisibilityTimeout", "45")]).await.url, first.url);
    assert_eq!(server.queue("q").await.url, first.url);
    let other = server.sqs.create_queue().queue_name("q");
    let other = other.attributes(QueueAttributeName::VisibilityTimeout, "46").send().await;
    assert_eq!(refused(other), "QueueAlreadyExists");
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_the_sdks_error_of_that_name() {
    let (server, _control) = Server::in_memory().await;
    let url = format!("{}/000000000000/nobody", server.url);
    let sent = server.sqs.send_message().queue_url(url).message_body("x").send().await;
    assert!(sent.as_ref().err().unwrap().as_service_error().unwrap().is_queue_does_not_exist());
    assert_eq!(refused(sent), "AWS.SimpleQueueService.NonExistentQueue");
}

#[tokio::test]
async fn a_redrive_allow_policy_is_kept() {
    let (server, _control) = Server::in_memory().await;
    let policy = r#"{"redrivePermission":"denyAll"}"#;
    let queue = server.queue_with("q", &[("RedriveAllowPolicy", policy)]).await;
    assert_eq!(queue.attribute(QueueAttributeName::RedriveAllowPolicy).await, policy);
}

#[tokio::test]
async fn the_counters_follow_the_messages() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    for number in 0..5 {
        queue.send(&number.to_string()).await;
    }
    queue.send_delayed("later", 60).await;
    assert_eq!(queue.counts().await, [5, 0, 1]);
    let receive = server.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(2);
    assert_eq!(receive.visibility_timeout(1).send().await.unwrap().messages().len(), 2);
    assert_eq!(queue.counts().await, [3, 2, 1]);
    control.advance(std::time::Duration::from_secs(1));
    assert_eq!(queue.counts().await, [5, 0, 1]);
}

#[tokio::test]
async fn a_message_is_gone_after_its_retention_period() {
    let (server, control) = Server::in_memory().await;
    let queue = server.queue_with("q", &[("MessageRetentionPeriod", "60")]).await;
    queue.send("x").await;
    control.advance(std::time::Duration::from_secs(60));
    assert!(queue.receive().await.is_empty());
}
