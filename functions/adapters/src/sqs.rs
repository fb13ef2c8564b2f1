//! The SQS queues.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::delivery::message::{DeliveryMessage, DeliveryQueue, Message, RecoveryMessage, RecoveryQueue};
use domain::delivery::received::{Receipt, Visibility};
use domain::event::message::{EventMessage, EventQueue, NoticeMessage, NoticeQueue};
use domain::shared::ids::AccountId;
use domain::shared::unavailable::{Result, Unavailable};
use domain::shared::wait::Wait;

use crate::gather::Gather;

/// `SendMessageBatch` takes ten entries.
const BATCH: usize = 10;

/// Calls for one batch: each later call repeats the entries that the queue refused.
const MAX_CALLS: usize = 3;

/// One SQS queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    deliveries: Gather<DeliveryMessage, ()>,
}

impl Queue {
    /// The queue with this URL.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url, deliveries: Gather::new("send deliveries", BATCH) }
    }

    /// Whether a message's `eventSourceARN` names this queue: ARN and URL end in the queue's name.
    #[must_use]
    pub fn is_source(&self, arn: &str) -> bool {
        arn.rsplit(':').next() == self.url.rsplit('/').next()
    }

    /// Sends up to ten deliveries; returns a result for each.
    async fn send_batch(&self, messages: Vec<DeliveryMessage>) -> Vec<Result<()>> {
        let unsent = self.try_send(&messages).await;
        let results = (0..messages.len()).map(|index| match &unsent {
            Ok(refused) if refused.contains(&index) => {
                Err(Unavailable::new("send deliveries", "the queue refused this one"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.repeat()),
        });
        results.collect()
    }

    /// Sends up to ten deliveries; returns the indexes of those that the queue refused to the end.
    async fn try_send(&self, messages: &[DeliveryMessage]) -> Result<Vec<usize>> {
        let mut entries = messages
            .iter()
            .enumerate()
            .map(|(index, message)| entry(index, message))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Unavailable::new("send deliveries", error))?;
        for _ in 0..MAX_CALLS {
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.clone()))
                .send()
                .await
                .map_err(|error| Unavailable::new("send deliveries", error.into_service_error()))?;
            entries.retain(|entry| sent.failed.iter().any(|failed| failed.id == entry.id));
            if entries.is_empty() {
                break;
            }
        }
        tracing::debug!(deliveries = messages.len() - entries.len(), "deliveries.sent");
        Ok(entries.iter().filter_map(|entry| entry.id.parse().ok()).collect())
    }
}

/// The message group is the destination, so that with SQS's fair queues one destination's backlog does not delay
/// others.
fn entry(
    index: usize,
    message: &DeliveryMessage,
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(Message::Delivery(message.clone()).body())
        .message_group_id(message.destination_id.as_str())
        .delay_seconds(whole_seconds(message.wait.duration()))
        .build()
}

impl Queue {
    /// Sends one message of an account.
    async fn send_one(&self, account: &AccountId, message: Message, wait: Wait) -> Result<()> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.body())
            .message_group_id(account.as_str())
            .delay_seconds(whole_seconds(wait.duration()))
            .send()
            .await
            .map_err(|error| Unavailable::new("send an event", error.into_service_error()))?;
        Ok(())
    }
}

impl EventQueue for Queue {
    async fn send(&self, message: &EventMessage) -> Result<()> {
        self.send_one(&message.account_id, Message::Event(message.clone()), message.delay()).await
    }
}

impl NoticeQueue for Queue {
    async fn send_notice(&self, message: &NoticeMessage) -> Result<()> {
        self.send_one(&message.account_id, Message::Notice(message.clone()), message.wait).await
    }
}

impl RecoveryQueue for Queue {
    async fn send_step(&self, message: &RecoveryMessage) -> Result<()> {
        self.send_one(&message.account_id, Message::Recovery(message.clone()), message.wait).await
    }
}

impl DeliveryQueue for Queue {
    /// Gathers the deliveries of several events for a moment: ten that are sent together cost as much as one.
    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        let call = |messages| self.send_batch(messages);
        for sent in self.deliveries.send(messages.iter().cloned(), call).await {
            sent?;
        }
        Ok(())
    }
}

impl Visibility for Queue {
    async fn postpone(&self, receipt: &Receipt, delay: Duration) -> Result<()> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(&receipt.0)
            .visibility_timeout(whole_seconds(delay))
            .send()
            .await
            .map_err(|error| Unavailable::new("change a message's visibility", error.into_service_error()))?;
        Ok(())
    }
}

/// Rounded up: a message must not be received again before it is due.
fn whole_seconds(span: Duration) -> i32 {
    i32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up() {
        for (millis, seconds) in [(0, 0), (1, 1), (9_990, 10), (10_000, 10), (10_001, 11)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
