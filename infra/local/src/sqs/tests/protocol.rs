//! What clients see of errors.

use serde_json::{Value, json};

use super::Server;

/// The response to an action: the header `x-amzn-query-error`, and the body.
async fn refusal(server: &Server, action: &str, request: &Value) -> (String, Value) {
    // Installed by whichever test comes first.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let post = reqwest::Client::builder().no_proxy().build().unwrap().post(&server.url);
    let post = post.header("x-amz-target", format!("AmazonSQS.{action}")).body(request.to_string());
    let response = post.send().await.unwrap();
    assert_eq!(response.status(), 400, "{action} {request}");
    let query_error = response.headers()["x-amzn-query-error"].to_str().unwrap().to_owned();
    (query_error, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn an_error_has_its_name_for_new_clients_and_for_old_ones() {
    let (server, _control) = Server::in_memory().await;
    let send = json!({"QueueUrl": "http://localhost/000000000000/q", "MessageBody": "a"});
    let (query_error, body) = refusal(&server, "SendMessage", &send).await;
    assert_eq!(query_error, "AWS.SimpleQueueService.NonExistentQueue;Sender");
    assert_eq!(body["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    assert_eq!(body["message"], "The specified queue does not exist.");
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name() {
    let (server, _control) = Server::in_memory().await;
    let queue = server.queue("q").await;
    let url = &queue.url;
    for action in [
        "AddPermission",
        "ChangeMessageVisibilityBatch",
        "DeleteQueue",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "ListQueues",
        "PurgeQueue",
        "StartMessageMoveTask",
        "TagQueue",
    ] {
        let (_, body) = refusal(&server, action, &json!({"QueueUrl": url})).await;
        assert_eq!(body["__type"], "com.amazonaws.sqs#UnsupportedOperation");
        assert_eq!(body["message"], format!("This endpoint does not support the action {action}."));
    }
    let value = json!({"k": {"DataType": "String", "StringValue": "v"}});
    let entry = json!({"Id": "a", "MessageBody": "a", "MessageAttributes": value});
    let send =
        |parameter: &str, value: &Value| json!({"QueueUrl": url, "MessageBody": "a", parameter: value});
    let attempt = json!({"QueueUrl": url, "ReceiveRequestAttemptId": "1"});
    for (action, request, parameter) in [
        ("CreateQueue", json!({"QueueName": "q", "tags": {"a": "b"}}), "tags"),
        ("SendMessage", send("MessageAttributes", &value), "MessageAttributes"),
        ("SendMessage", send("MessageSystemAttributes", &value), "k"),
        ("SendMessage", send("MessageDeduplicationId", &json!("1")), "MessageDeduplicationId"),
        ("SendMessageBatch", json!({"QueueUrl": url, "Entries": [entry]}), "MessageAttributes"),
        ("ReceiveMessage", attempt, "ReceiveRequestAttemptId"),
    ] {
        let (_, body) = refusal(&server, action, &request).await;
        assert_eq!(body["__type"], "com.amazonaws.sqs#UnsupportedOperation", "{body}");
        assert_eq!(body["message"], format!("This endpoint does not support the parameter {parameter}."));
    }
    for attribute in ["DelaySeconds", "FifoQueue", "KmsMasterKeyId", "Policy"] {
        let values = json!({"QueueUrl": url, "Attributes": {attribute: "1"}});
        let names = json!({"QueueUrl": url, "AttributeNames": [attribute]});
        for (action, request) in [("SetQueueAttributes", values), ("GetQueueAttributes", names)] {
            let (_, body) = refusal(&server, action, &request).await;
            assert_eq!(body["__type"], "com.amazonaws.sqs#InvalidAttributeName");
            assert_eq!(body["message"], format!("Unknown Attribute {attribute}."));
        }
    }
    let fifo = json!({"QueueName": "q.fifo", "Attributes": {"FifoQueue": "true"}});
    let (_, body) = refusal(&server, "CreateQueue", &fifo).await;
    assert_eq!(body["__type"], "com.amazonaws.sqs#UnsupportedOperation");
    assert_eq!(body["message"], "This endpoint does not support the queue type FIFO.");
}
