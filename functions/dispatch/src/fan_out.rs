//! Handles a batch of the queue `events`.

use std::collections::HashSet;

use adapters::dynamodb::{ContextTables, DestinationTable, LedgerTable};
use adapters::sqs::Queue;
use adapters::telemetry::log_unavailable;
use domain::delivery::fan_out::FanOut;
use domain::delivery::ledger::RETRY_AFTER;
use domain::delivery::message::Message;
use domain::delivery::received::Visibility;
use domain::shared::catch_panic::catch_panic;
use futures_util::future::join_all;

use crate::batch::{Batch, Item};

/// Fans each event out. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(
    step: &FanOut<DestinationTable, Queue, LedgerTable, ContextTables>,
    queue: &Queue,
    batch: &'a Batch,
) -> HashSet<&'a str> {
    let fanned_out = batch.messages.iter().map(|item| one(step, queue, item));
    join_all(fanned_out).await.into_iter().flatten().collect()
}

async fn one<'a>(
    step: &FanOut<DestinationTable, Queue, LedgerTable, ContextTables>,
    queue: &Queue,
    item: &'a Item,
) -> Option<&'a str> {
    // Someone has put a delivery into this queue by hand: it fails like any poison message.
    let Message::Event(event) = &item.message else { return None };
    match catch_panic(step.run(event)).await {
        Ok(()) => Some(&item.id),
        Err(error) => {
            log_unavailable(&error);
            // Best effort: if it fails, the message returns after the queue's own visibility timeout.
            if let Err(error) = queue.postpone(&item.receipt, RETRY_AFTER).await {
                log_unavailable(&error);
            }
            None
        }
    }
}
