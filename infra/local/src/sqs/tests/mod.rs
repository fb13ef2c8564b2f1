//! The endpoint through its socket, by its public interface only.

mod protocol;
mod restart;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Sqs;

const QUEUE: &str = "http://localhost/000000000000/q";

/// An endpoint that is served, and one connection to it.
struct Served {
    connection: TcpStream,
    serving: JoinHandle<std::io::Result<()>>,
}

struct Reply {
    head: String,
    body: Value,
}

impl Served {
    async fn new(sqs: Sqs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(sqs.serve(listener));
        Self { connection: TcpStream::connect(address).await.unwrap(), serving }
    }

    /// Performs an action that succeeds.
    async fn call(&mut self, action: &str, request: Value) -> Value {
        let Reply { head, body } = self.exchange(action, &request).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{action}: {head} {body}");
        body
    }

    async fn write(&mut self, action: &str, request: &Value) {
        let body = request.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AmazonSQS.{action}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.connection.write_all((head + &body).as_bytes()).await.unwrap();
    }

    async fn exchange(&mut self, action: &str, request: &Value) -> Reply {
        self.write(action, request).await;
        let mut reply = Vec::new();
        loop {
            assert!(self.connection.read_buf(&mut reply).await.unwrap() > 0, "the endpoint hung up");
            let text = String::from_utf8_lossy(&reply);
            // The body has all arrived when it is JSON: answers are objects.
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                return Reply { head: head.to_owned(), body };
            }
        }
    }

    async fn receive(&mut self) -> Vec<Value> {
        let request = json!({ "QueueUrl": QUEUE, "MaxNumberOfMessages": 10, "AttributeNames": ["All"] });
        let reply = self.call("ReceiveMessage", request).await;
        reply["Messages"].as_array().cloned().unwrap_or_default()
    }

    async fn attribute(&mut self, name: &str) -> Value {
        let request = json!({ "QueueUrl": QUEUE, "AttributeNames": [name] });
        self.call("GetQueueAttributes", request).await["Attributes"][name].clone()
    }
}
