//! Handles a batch of the queue `events`.

use std::collections::HashSet;

use adapters::dynamodb::{ContextTables, DestinationTable, LedgerTable};
use adapters::sqs::Queue;
use adapters::telemetry::log_unavailable;
use domain::delivery::fan_out::FanOut;
use domain::delivery::message::Message;
use futures_util::future::join_all;

use crate::batch::Batch;

/// Fans each event out. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(
    step: &FanOut<DestinationTable, Queue, Queue, LedgerTable, ContextTables>,
    batch: &'a Batch,
) -> HashSet<&'a str> {
    let fanned_out = batch.messages.iter().map(async |item| {
        // Someone has put a delivery into this queue by hand: it fails like any poison message.
        let Message::Event(event) = &item.message else { return None };
        step.run(event).await.inspect_err(log_unavailable).is_ok().then_some(item.id.as_str())
    });
    join_all(fanned_out).await.into_iter().flatten().collect()
}
