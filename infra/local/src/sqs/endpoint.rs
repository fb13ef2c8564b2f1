//! The store, shared by all requests. Each request is a transaction, acknowledged once the journal has it.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::error::SqsError;
use super::journal::{Committed, Journal};
use super::queue_name::QueueName;
use super::store::{ReceiveRequest, ReceivedMessage, Store, Transaction};
use crate::clock::Clock;

const PANICKED: SqsError =
    SqsError::InternalFailure("An earlier request panicked; the endpoint's log has the reason.");

#[derive(Debug)]
pub(crate) struct Endpoint {
    state: Mutex<State>,
    journal: Journal,
    pub(super) clock: Clock,
    /// Notified when a timeout ends before the time that `run_timers` waits for.
    pub(super) earlier_timeout: Notify,
}

#[derive(Debug)]
struct State {
    store: Store,
    /// When the next timeout ends. `run_timers` waits for this time or has been notified.
    next_timeout: Option<u64>,
}

impl Endpoint {
    pub(crate) fn new(store: Store, journal: Journal, clock: Clock) -> Self {
        let state = Mutex::new(State { store, next_timeout: None });
        Self { state, journal, clock, earlier_timeout: Notify::new() }
    }

    /// Runs a transaction, and returns once everything that it wrote or read would survive a kill.
    pub(crate) async fn transact<T>(
        &self,
        action: impl FnOnce(&mut Store, &mut Transaction) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let (result, committed) = self.apply(action)?;
        committed.wait().await?;
        result
    }

    /// Applies a transaction to the store in memory. It is not committed yet.
    pub(super) fn apply<T>(
        &self,
        action: impl FnOnce(&mut Store, &mut Transaction) -> T,
    ) -> Result<(T, Committed), SqsError> {
        let mut state = self.state.lock().map_err(|_| PANICKED)?;
        let mut tx = Transaction::at(self.clock.now_ms());
        let result = action(&mut state.store, &mut tx);
        // Still under the lock, so that the journal has the transactions in the store's order.
        let committed = self.journal.submit(tx.writes);
        let next_timeout = state.store.next_timeout();
        if is_earlier(next_timeout, state.next_timeout) {
            self.earlier_timeout.notify_one();
        }
        state.next_timeout = next_timeout;
        Ok((result, committed))
    }

    /// Receives messages. A long poll waits up to `wait_seconds` for the first one.
    pub(crate) async fn receive(
        &self,
        name: &QueueName,
        request: &ReceiveRequest,
        wait_seconds: u32,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let end = self.clock.now_ms() + u64::from(wait_seconds) * 1_000;
        let available = {
            let mut state = self.state.lock().map_err(|_| PANICKED)?;
            state.store.queue(name)?.message_available()
        };
        loop {
            // Registered before the receive, so that a message that arrives in between is noticed.
            let notified = available.notified();
            let received = self.transact(|store, tx| store.receive(name, request, tx)).await?;
            if !received.is_empty() || end <= self.clock.now_ms() {
                return Ok(received);
            }
            tokio::select! {
                () = notified => {}
                () = self.clock.wait_until(end) => {}
            }
        }
    }
}

fn is_earlier(next: Option<u64>, awaited: Option<u64>) -> bool {
    next.is_some_and(|next| awaited.is_none_or(|awaited| next < awaited))
}

#[cfg(test)]
pub(super) mod tests {
    use futures_util::FutureExt;

    use super::super::store::fixture::{TestStore, bodies, message, name, redrive_to, up_to_ten};
    use super::*;
    use crate::clock::ClockControl;

    /// An endpoint in memory with the queues of the test store.
    pub(crate) fn endpoint(test: TestStore) -> (Endpoint, ClockControl) {
        let (clock, control) = Clock::manual(test.tx.now);
        (Endpoint::new(test.store, Journal::none(), clock), control)
    }

    pub(crate) async fn send(endpoint: &Endpoint, queue: &str, body: &str) {
        let send = |store: &mut Store, tx: &mut Transaction| {
            store.queue(&name(queue))?.send(message(body), 0, tx);
            Ok(())
        };
        endpoint.transact(send).await.unwrap();
    }

    #[tokio::test]
    async fn each_of_two_messages_wakes_a_poll_of_its_own() {
        let (endpoint, _control) = endpoint(TestStore::new().with_queue("q", &[]));
        let (queue, request) = (name("q"), ReceiveRequest { max: 1, ..up_to_ten() });
        let mut first = Box::pin(endpoint.receive(&queue, &request, 20));
        let mut second = Box::pin(endpoint.receive(&queue, &request, 20));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        send(&endpoint, "q", "a").await;
        send(&endpoint, "q", "b").await;
        assert_eq!(bodies(&first.await.unwrap()), ["a"]);
        assert_eq!(bodies(&second.await.unwrap()), ["b"]);
    }

    #[tokio::test]
    async fn a_dead_letter_wakes_a_long_poll_of_the_dead_letter_queue() {
        let policy = redrive_to("dlq", 1);
        let test = TestStore::new().with_queue("dlq", &[]);
        let (endpoint, _control) =
            endpoint(test.with_queue("q", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "0")]));
        let (queue, dlq, request) = (name("q"), name("dlq"), up_to_ten());
        send(&endpoint, "q", "poison").await;
        endpoint.receive(&queue, &request, 0).await.unwrap();
        let mut poll = Box::pin(endpoint.receive(&dlq, &request, 20));
        assert!(poll.as_mut().now_or_never().is_none());
        assert!(endpoint.receive(&queue, &request, 0).await.unwrap().is_empty());
        assert_eq!(bodies(&poll.await.unwrap()), ["poison"]);
    }
}
