//! Gathers the items of several callers for a moment, so that one call sends them together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::shared::unavailable::{Result, Unavailable};
use futures_util::future::join;
use futures_util::stream::{self, StreamExt};
use tokio::sync::oneshot;

/// Calls that are made concurrently, each over its own connection.
const CONCURRENT_CALLS: usize = 8;

/// How long an item waits for others.
const GATHERING: Duration = Duration::from_millis(2);

/// Items of one kind that are about to be sent, and who waits for each.
pub(crate) struct Gather<I, O> {
    waiting: Arc<Mutex<Vec<Waiting<I, O>>>>,
    /// What a call does, for errors.
    operation: &'static str,
    /// Items of one call.
    most: usize,
}

struct Waiting<I, O> {
    item: I,
    sent: oneshot::Sender<Result<O>>,
}

impl<I, O> Clone for Gather<I, O> {
    fn clone(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), ..*self }
    }
}

impl<I, O> Gather<I, O> {
    /// Calls take at most this many items.
    pub(crate) fn new(operation: &'static str, most: usize) -> Self {
        Self { waiting: Arc::default(), operation, most }
    }

    /// Sends items, full calls at once and the rest with what other callers add within a moment. `call`, and this, return
    /// one result for each item, in order. Another caller's call may hold an item, and is dropped if that caller gives up:
    /// then the item's result is an error.
    pub(crate) async fn send<F>(
        &self,
        items: impl IntoIterator<Item = I>,
        call: impl Fn(Vec<I>) -> F,
    ) -> Vec<Result<O>>
    where
        F: Future<Output = Vec<Result<O>>>,
    {
        let mut receivers = Vec::new();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for item in items {
                let (sent, receiver) = oneshot::channel();
                waiting.push(Waiting { item, sent });
                receivers.push(receiver);
            }
        }
        let rest = async {
            tokio::time::sleep(GATHERING).await;
            self.send_waiting(1, &call).await;
        };
        join(self.send_waiting(self.most, &call), rest).await;
        let mut results = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            let given_up = |_| Unavailable::new(self.operation, "the call was given up");
            results.push(receiver.await.map_err(given_up).flatten());
        }
        results
    }

    /// Makes calls as long as `least` items wait.
    async fn send_waiting<F>(&self, least: usize, call: &impl Fn(Vec<I>) -> F)
    where
        F: Future<Output = Vec<Result<O>>>,
    {
        let mut batches = Vec::new();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.len() >= least {
                let count = waiting.len().min(self.most);
                batches.push(waiting.drain(..count).collect::<Vec<_>>());
            }
        }
        let calls = batches.into_iter().map(async |batch| {
            let (items, senders): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|Waiting { item, sent }| (item, sent)).unzip();
            for (result, sent) in call(items).await.into_iter().zip(senders) {
                let _ = sent.send(result); // who waited may have given up
            }
        });
        stream::iter(calls).for_each_concurrent(CONCURRENT_CALLS, |call| call).await;
    }
}
