//! Handles a batch of the queue `events`.

use std::collections::HashSet;

use adapters::dynamodb::{ConversationTable, DestinationTable, EventTable, LedgerTable};
use adapters::sqs::Queue;
use domain::delivery::deliver::Verdict;
use domain::delivery::fan_out::{FanOut, ReceivedEvent};
use domain::delivery::message::Message;
use futures_util::future::join_all;

use crate::batch::Batch;

/// Fan-out with its tables and queues.
pub(crate) type Step = FanOut<ConversationTable, EventTable, Queue, Queue, DestinationTable, LedgerTable>;

/// Lets each event leave. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(step: &Step, batch: &'a Batch) -> HashSet<&'a str> {
    let verdicts = batch.messages.iter().map(async |item| {
        // Someone has put a delivery into this queue by hand: it fails like any poison message.
        let Message::Event(message) = &item.message else { return None };
        let is_first = item.receive_count.is_some_and(|count| count <= 1);
        let verdict = step.run(ReceivedEvent { message, receipt: &item.receipt, is_first }).await;
        (verdict == Verdict::Done).then_some(item.id.as_str())
    });
    join_all(verdicts).await.into_iter().flatten().collect()
}
