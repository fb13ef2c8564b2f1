//! Handles a batch of the queue `events`.

use std::collections::HashSet;

use adapters::dynamodb::{ConversationTable, DestinationTable, EventTable, LedgerTable};
use adapters::sqs::Queue;
use domain::delivery::deliver::Verdict;
use domain::delivery::fan_out::{FanOut, ReceivedEvent};

use crate::batch::{Batch, Item};

/// Fan-out with its tables and queues.
pub(crate) type Step = FanOut<ConversationTable, EventTable, Queue, Queue, DestinationTable, LedgerTable>;

/// Lets each event and notice leave. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(step: &Step, batch: &'a Batch) -> HashSet<&'a str> {
    let received = |item: &'a Item| {
        let is_first = item.receive_count.is_some_and(|count| count <= 1);
        ReceivedEvent { message: &item.message, receipt: &item.receipt, is_first }
    };
    let received: Vec<_> = batch.messages.iter().map(received).collect();
    let verdicts = step.run(&received).await;
    let done = batch.messages.iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Done);
    done.map(|(item, _)| item.id.as_str()).collect()
}
