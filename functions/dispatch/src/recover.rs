//! Handles the steps of recoveries in a batch of the queue `events`.

use adapters::dynamodb::{DeliveryLogTable, DestinationTable, RecoveryTable};
use adapters::sqs::Queue;
use domain::delivery::deliver::Verdict;
use domain::delivery::message::Message;
use domain::redelivery::recover::Recover;
use futures_util::future::join_all;

use crate::batch::Batch;

/// Recovery with its tables and queues.
pub(crate) type Step = Recover<DeliveryLogTable, DestinationTable, RecoveryTable, Queue, Queue>;

/// Takes each step. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(step: &Step, batch: &'a Batch) -> Vec<&'a str> {
    let steps = batch.messages.iter().map(async |item| {
        let Message::Recovery(message) = &item.message else { return None };
        (step.run(message).await == Verdict::Done).then_some(item.id.as_str())
    });
    join_all(steps).await.into_iter().flatten().collect()
}
