//! A batch of the queue `deliveries`.

use std::collections::HashSet;

use adapters::dynamodb::{ContextTables, LedgerTable, RateTable};
use adapters::sender::HttpSender;
use adapters::sqs::Queue;
use adapters::vault::kms::KmsDecryptor;
use domain::delivery::deliver::{Deliver, Invocation, Verdict};
use domain::delivery::message::Message;
use domain::delivery::rate_limiter::{Admission, RateLimiter};
use domain::delivery::received::Received;

use crate::batch::{Batch, Item};

/// The ids of the messages that are done with.
pub(crate) async fn run<'a>(
    rate_limiter: &RateLimiter<RateTable, Queue>,
    deliver: &Deliver<LedgerTable, ContextTables, KmsDecryptor, HttpSender, Queue>,
    batch: &'a Batch,
    invocation: &Invocation,
) -> HashSet<&'a str> {
    let (ids, received): (Vec<_>, Vec<_>) = batch.messages.iter().filter_map(received).unzip();
    let turns = rate_limiter.run(&received).await;
    let mut done = HashSet::new();
    let (mut due_ids, mut due) = (Vec::new(), Vec::new());
    for ((id, received), turn) in ids.into_iter().zip(received).zip(turns) {
        match turn {
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

/// An event in the queue of deliveries was put there by hand: it fails like any body that is not ours.
fn received(item: &Item) -> Option<(&str, Received)> {
    let Message::Delivery(message) = &item.message else { return None };
    let received = Received {
        message: message.clone(),
        receipt: item.receipt.clone(),
        receive_count: item.receive_count,
    };
    Some((&item.id, received))
}
