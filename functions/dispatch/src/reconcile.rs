//! Handles a batch of the dead-letter queue. A message that fails stays in the queue, which raises an alarm.

use std::collections::HashSet;

use adapters::dynamodb::LedgerTable;
use adapters::sqs::Queue;
use domain::delivery::reconcile::Reconcile;
use domain::shared::catch_panic::catch_panic;
use domain::shared::unavailable::Unavailable;
use futures_util::future::join_all;

use crate::batch::Batch;

/// Reconciles each message. Returns the ids of those that are done.
pub(crate) async fn run<'a>(
    step: &Reconcile<LedgerTable, Queue, Queue>,
    batch: &'a Batch,
) -> HashSet<&'a str> {
    let reconciled = batch.messages.iter().map(async |item| {
        let reconciled = catch_panic(step.run(&item.message)).await;
        reconciled.inspect_err(Unavailable::log).is_ok().then_some(item.id.as_str())
    });
    join_all(reconciled).await.into_iter().flatten().collect()
}
