//! A batch of the queue `deliveries`.

use std::collections::HashSet;

use adapters::dynamodb::{ContextTables, LedgerTable};
use adapters::sender::HttpSender;
use adapters::sqs::Queue;
use adapters::vault::KmsOpener;
use domain::deliver::{Deliver, Invocation, Received, Verdict};
use domain::messages::Message;

use crate::batch::Batch;

/// The ids of the messages that are done with.
pub(crate) async fn run<'a>(
    step: &Deliver<LedgerTable, ContextTables, KmsOpener, HttpSender, Queue>,
    batch: &'a Batch,
    invocation: &Invocation,
) -> HashSet<&'a str> {
    let mut ids = Vec::with_capacity(batch.messages.len());
    let mut received = Vec::with_capacity(batch.messages.len());
    for item in &batch.messages {
        // An event in the queue of deliveries was put there by hand: it fails like any body that is not ours.
        let Message::Delivery(message) = &item.message else { continue };
        ids.push(item.id.as_str());
        received.push(Received {
            message: message.clone(),
            receipt: item.receipt.clone(),
            receive_count: item.receive_count,
        });
    }
    let verdicts = step.run(&received, invocation).await;
    ids.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Done).map(|(id, _)| id).collect()
}
