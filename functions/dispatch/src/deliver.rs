//! Handles a batch of the queue `deliveries`.

use std::collections::HashSet;

use adapters::dynamodb::{ContextTables, DestinationTable, LedgerTable, RateTable};
use adapters::sender::HttpSender;
use adapters::sqs::Queue;
use adapters::vault::kms::KmsDecryptor;
use domain::delivery::deliver::{Deliver, Invocation, Verdict};
use domain::delivery::message::Message;
use domain::delivery::rate_limiter::{Admission, RateLimiter};
use domain::delivery::received::Received;

use crate::batch::{Batch, Item};

/// Delivery with its tables, queues and sender.
pub(crate) type Step =
    Deliver<LedgerTable, ContextTables, KmsDecryptor, HttpSender, Queue, DestinationTable, Queue>;

/// Attempts the deliveries that are not deferred. Returns the ids of the messages that are done.
pub(crate) async fn run<'a>(
    rate_limiter: &RateLimiter<RateTable, Queue>,
    deliver: &Step,
    batch: &'a Batch,
    invocation: &Invocation,
) -> HashSet<&'a str> {
    let (ids, received): (Vec<_>, Vec<_>) = batch.messages.iter().filter_map(received).unzip();
    let admissions = rate_limiter.run(&received).await;
    let mut done = HashSet::new();
    let (mut due_ids, mut due) = (Vec::new(), Vec::new());
    for ((id, received), admission) in ids.into_iter().zip(received).zip(admissions) {
        match admission {
            Admission::Now => {
                due_ids.push(id);
                due.push(received);
            }
            Admission::Deferred => {
                done.insert(id);
            }
        }
    }
    let verdicts = deliver.run(&due, invocation).await;
    done.extend(
        due_ids.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Done).map(|(id, _)| id),
    );
    done
}

/// `None` for an event: someone has put it into this queue by hand, and it fails like any poison message.
fn received(item: &Item) -> Option<(&str, Received)> {
    let Message::Delivery(message) = &item.message else { return None };
    let received = Received {
        message: message.clone(),
        receipt: item.receipt.clone(),
        receive_count: item.receive_count,
    };
    Some((&item.id, received))
}
