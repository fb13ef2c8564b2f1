//! The endpoint through its socket, with the AWS SDK and a clock that the test moves. What is asserted is what Amazon
//! documents.

mod batches;
mod long_polls;
mod messages;
mod protocol;
mod queues;
mod redrive;
mod restart;
mod visibility;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Sqs;
use crate::clock::{Clock, ClockControl};
use crate::endpoints::clients;

/// 2026-11-18T11:06:40Z.
const START_MS: u64 = 1_795_000_000_000;

/// A served endpoint.
struct Server {
    sqs: Client,
    url: String,
    serving: JoinHandle<std::io::Result<()>>,
}

/// A queue, in the words of its producers and consumers.
#[derive(Clone)]
struct TestQueue {
    sqs: Client,
    url: String,
}

impl Server {
    async fn in_memory() -> (Self, ClockControl) {
        let (clock, control) = Clock::manual(START_MS);
        (Self::start(Sqs::in_memory(clock)).await, control)
    }

    async fn start(sqs: Sqs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(sqs.serve(listener));
        let variables = [
            ("AWS_ENDPOINT_URL_SQS", url.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let variables: BTreeMap<_, _> =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = adapters::aws::config(variables).unwrap().into_builder();
        let config = config.timeout_config(TimeoutConfig::disabled()).build();
        Self { sqs: clients(&config).sqs, url, serving }
    }

    /// Stops it as the end of its process would.
    async fn stop(&mut self) {
        self.serving.abort();
        assert!((&mut self.serving).await.unwrap_err().is_cancelled());
    }

    /// The queue of this name, created unless it exists.
    async fn queue(&self, name: &str) -> TestQueue {
        self.queue_with(name, &[]).await
    }

    async fn queue_with(&self, name: &str, attributes: &[(&str, &str)]) -> TestQueue {
        let mut create = self.sqs.create_queue().queue_name(name);
        for (attribute, value) in attributes {
            create = create.attributes(QueueAttributeName::from(*attribute), *value);
        }
        let url = create.send().await.unwrap().queue_url.unwrap();
        TestQueue { sqs: self.sqs.clone(), url }
    }
}

impl TestQueue {
    /// Sends a message and returns its id.
    async fn send(&self, body: &str) -> String {
        let sent = self.sqs.send_message().queue_url(&self.url).message_body(body).send().await.unwrap();
        sent.message_id.unwrap()
    }

    async fn send_delayed(&self, body: &str, seconds: i32) {
        let send = self.sqs.send_message().queue_url(&self.url).message_body(body);
        send.delay_seconds(seconds).send().await.unwrap();
    }

    /// Up to ten messages that are visible now.
    async fn receive(&self) -> Vec<Message> {
        self.poll(0).await
    }

    /// Up to ten messages; waits for the first one.
    async fn poll(&self, wait_seconds: i32) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        receive.wait_time_seconds(wait_seconds).send().await.unwrap().messages.unwrap_or_default()
    }

    async fn receive_one(&self) -> Message {
        let mut messages = self.receive().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    async fn delete(&self, message: &Message) {
        let delete = self.sqs.delete_message().queue_url(&self.url);
        delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }

    /// The error code, if it is refused.
    async fn change_visibility(&self, message: &Message, seconds: i32) -> Option<String> {
        let change = self.sqs.change_message_visibility().queue_url(&self.url).visibility_timeout(seconds);
        let changed = change.receipt_handle(message.receipt_handle().unwrap()).send().await;
        changed.err().map(|error| code_of(&error))
    }

    async fn set(&self, attribute: QueueAttributeName, value: &str) {
        self.sqs
            .set_queue_attributes()
            .queue_url(&self.url)
            .attributes(attribute, value)
            .send()
            .await
            .unwrap();
    }

    async fn attribute(&self, name: QueueAttributeName) -> String {
        let get = self.sqs.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone());
        get.send().await.unwrap().attributes.unwrap().remove(&name).unwrap()
    }

    /// Visible, in flight and delayed messages.
    async fn counts(&self) -> [u32; 3] {
        let mut counts = [0; 3];
        for (count, name) in counts.iter_mut().zip([
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ]) {
            *count = self.attribute(name).await.parse().unwrap();
        }
        counts
    }

    async fn redrive_to(&self, dead_letters: &TestQueue, max_receive_count: u32) {
        let arn = dead_letters.attribute(QueueAttributeName::QueueArn).await;
        let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"{max_receive_count}"}}"#);
        self.set(QueueAttributeName::RedrivePolicy, &policy).await;
    }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

fn system_attribute<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> Option<&'a str> {
    message.attributes().and_then(|attributes| attributes.get(name)).map(String::as_str)
}

fn receive_count(message: &Message) -> &str {
    system_attribute(message, &MessageSystemAttributeName::ApproximateReceiveCount).unwrap()
}

/// The code by which SDKs classify an error.
fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    error.code().unwrap_or_default().to_owned()
}

/// The code of a refusal.
fn refused<T: std::fmt::Debug, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> String {
    match result {
        Ok(response) => panic!("it was accepted: {response:?}"),
        Err(error) => code_of(&error),
    }
}

/// Moves the clock until a task that waits for it ends, and returns the time that passed on the clock.
async fn move_until<T>(control: &ClockControl, task: &JoinHandle<T>) -> Duration {
    let tick = Duration::from_millis(100);
    let mut passed = Duration::ZERO;
    while !task.is_finished() {
        control.advance(tick);
        passed += tick;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    passed
}
