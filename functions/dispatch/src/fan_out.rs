//! Handles a batch of the queue `events`.

use std::collections::HashSet;

use adapters::dynamodb::{ConversationTable, DestinationTable, EventTable, LedgerTable};
use adapters::sqs::Queue;
use domain::delivery::deliver::Verdict;
use domain::delivery::fan_out::{FanOut, ReceivedEvent};
use domain::delivery::message::Message;

use crate::batch::{Batch, Item};

/// Fan-out with its tables and queues.
pub(crate) type Step = FanOut<ConversationTable, EventTable, Queue, Queue, DestinationTable, LedgerTable>;

/// Lets each event leave. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(step: &Step, batch: &'a Batch) -> HashSet<&'a str> {
    // Someone has put a delivery into this queue by hand: it fails like any poison message.
    let events: Vec<_> =
        batch.messages.iter().filter_map(|item| Some((item.id.as_str(), event(item)?))).collect();
    let (ids, events): (Vec<_>, Vec<_>) = events.into_iter().unzip();
    let verdicts = step.run(&events).await;
    ids.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Done).map(|(id, _)| id).collect()
}

fn event(item: &Item) -> Option<ReceivedEvent<'_>> {
    let Message::Event(message) = &item.message else { return None };
    let is_first = item.receive_count.is_some_and(|count| count <= 1);
    Some(ReceivedEvent { message, receipt: &item.receipt, is_first })
}
