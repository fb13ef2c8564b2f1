//! What clients see of errors.

use serde_json::json;

use super::{QUEUE, Reply, Served};
use crate::clock::Clock;
use crate::sqs::Sqs;

#[tokio::test]
async fn an_error_names_itself_to_new_clients_and_old() {
    let mut served = Served::new(Sqs::in_memory(Clock::system())).await;
    let Reply { head, body } =
        served.exchange("SendMessage", &json!({ "QueueUrl": QUEUE, "MessageBody": "a" })).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert!(head.contains("x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender"), "{head}");
    assert_eq!(body["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    assert_eq!(body["message"], "The specified queue does not exist.");
}

#[tokio::test]
async fn an_action_that_is_not_here_is_named() {
    let mut served = Served::new(Sqs::in_memory(Clock::system())).await;
    let Reply { body, .. } = served.exchange("AddPermission", &json!({})).await;
    assert_eq!(body["__type"], "com.amazonaws.sqs#UnsupportedOperation");
    assert_eq!(body["message"], "This endpoint does not support the action AddPermission.");
}
