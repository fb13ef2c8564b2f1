//! The event source mapping of a queue: receives messages, invokes a function and deletes what succeeded.
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
//!
//! Nothing here waits by the stack's clock: polls are long polls, and SQS makes failed messages visible again.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::function::Deployed;
use super::partial_batch::Verdict;
use super::sqs_event::Source;

/// The longest wait that SQS allows a receive.
const LONG_POLL_SECONDS: i32 = 20;

/// The pause after a failed receive: the endpoint is gone or restarting, and must not be polled in a tight loop.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Invokes a function with the messages of a queue.
pub struct Mapping {
    /// Its logical id, for the log.
    pub id: String,
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN, which events name.
    pub queue_arn: String,
    /// The region that events name.
    pub region: String,
    /// The maximum number of messages in an invocation, at most ten.
    pub batch_size: i32,
    /// The maximum number of concurrent invocations.
    pub maximum_concurrency: usize,
    /// Whether the function says which messages failed. If not, a batch succeeds or fails as a whole.
    pub reports_failures: bool,
    /// The function to invoke.
    pub function: Deployed,
    /// The client of the queue.
    pub sqs: Client,
}

impl Mapping {
    /// Runs until `stop` becomes true or its sender is dropped, and then until the running invocations have ended.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mapping = Arc::new(self);
        let mut running = JoinSet::new();
        loop {
            // Receives only what can be processed at once, so that messages spend no visibility timeout waiting here.
            while running.len() >= mapping.maximum_concurrency {
                running.join_next().await;
            }
            let messages = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                messages = mapping.receive(LONG_POLL_SECONDS) => messages,
            };
            if !messages.is_empty() {
                let mapping = Arc::clone(&mapping);
                running.spawn(async move { mapping.process(&messages).await });
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    /// Receives once without waiting, invokes the function with the messages, and returns their number.
    pub async fn step(&self) -> usize {
        let messages = self.receive(0).await;
        if !messages.is_empty() {
            self.process(&messages).await;
        }
        messages.len()
    }

    /// Polls once. A failure does not end the mapping, because the endpoint may come back.
    async fn receive(&self, wait_seconds: i32) -> Vec<Message> {
        let poll = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.batch_size)
            .wait_time_seconds(wait_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        match poll.send().await {
            Ok(received) => received.messages.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(mapping = self.id, error = %DisplayErrorContext(&error), "mapping.receive_failed");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                Vec::new()
            }
        }
    }

    async fn process<'a>(&self, messages: &'a [Message]) {
        let source = Source { queue_arn: &self.queue_arn, region: &self.region };
        let event = Bytes::from(source.event(messages).to_string());
        let name = MessageSystemAttributeName::AwsTraceHeader;
        let trace = |message: &'a Message| message.attributes()?.get(&name).map(String::as_str);
        let _running = self.function.running.one_more(); // until its messages are deleted
        match self.function.invoke_for(event, messages.iter().filter_map(trace)).await {
            Ok(answer) => self.delete(self.done(messages, &answer)).await,
            // Nothing is deleted: the batch comes back when its visibility timeout has passed.
            Err(error) => {
                tracing::warn!(mapping = self.id, messages = messages.len(), %error, "mapping.batch_failed");
            }
        }
    }

    fn done<'a>(&self, messages: &'a [Message], answer: &[u8]) -> Vec<&'a Message> {
        if !self.reports_failures {
            return messages.iter().collect();
        }
        let is_in_batch = |id: &str| messages.iter().any(|message| message.message_id() == Some(id));
        let verdict = Verdict::read(answer, is_in_batch);
        if let Verdict::Malformed(reason) = verdict {
            tracing::warn!(mapping = self.id, messages = messages.len(), reason, "mapping.answer_malformed");
        }
        messages.iter().filter(|message| message.message_id().is_some_and(|id| verdict.is_done(id))).collect()
    }

    async fn delete(&self, messages: Vec<&Message>) {
        let entries = messages.iter().enumerate().filter_map(|(number, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            entry.receipt_handle(message.receipt_handle()?).build().ok()
        });
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return;
        }
        let delete = self.sqs.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        // A message that was not deleted is received again; functions must tolerate that from the real SQS too.
        match delete.send().await {
            Ok(deleted) if deleted.failed().is_empty() => {}
            Ok(deleted) => {
                tracing::warn!(mapping = self.id, failed = deleted.failed().len(), "mapping.delete_failed");
            }
            Err(error) => {
                tracing::warn!(mapping = self.id, error = %DisplayErrorContext(&error), "mapping.delete_failed");
            }
        }
    }
}

#[cfg(test)]
mod tests;
