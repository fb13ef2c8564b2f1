//! The store, shared by all requests: each is one step of it, acknowledged once the journal has it.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::error::SqsError;
use super::journal::{Committed, Journal};
use super::name::QueueName;
use super::store::{Receive, Received, Step, Store};
use crate::clock::Clock;

const PANICKED: SqsError =
    SqsError::InternalFailure("An earlier request panicked; the endpoint's log has the reason.");

#[derive(Debug)]
pub(crate) struct Endpoint {
    state: Mutex<State>,
    journal: Journal,
    pub(super) clock: Clock,
    /// Time has an effect sooner than the timekeeper is waiting for.
    pub(super) sooner: Notify,
}

#[derive(Debug)]
struct State {
    store: Store,
    /// When time next has an effect; the timekeeper waits for this or has been told to look.
    next_due: Option<u64>,
}

impl Endpoint {
    pub(crate) fn new(store: Store, journal: Journal, clock: Clock) -> Self {
        Self { state: Mutex::new(State { store, next_due: None }), journal, clock, sooner: Notify::new() }
    }

    /// Makes one step, and returns when everything it did or saw would survive a kill.
    pub(crate) async fn step<T>(
        &self,
        action: impl FnOnce(&mut Store, &mut Step) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let (answer, committed) = self.begin(action)?;
        committed.wait().await?;
        answer
    }

    pub(super) fn begin<T>(
        &self,
        action: impl FnOnce(&mut Store, &mut Step) -> T,
    ) -> Result<(T, Committed), SqsError> {
        let mut state = self.state.lock().map_err(|_| PANICKED)?;
        let mut step = Step::at(self.clock.now_ms());
        let answer = action(&mut state.store, &mut step);
        // Still under the lock, so that the journal has the steps in the store's order.
        let committed = self.journal.submit(step.changes);
        let next_due = state.store.next_due();
        if is_sooner(next_due, state.next_due) {
            self.sooner.notify_one();
        }
        state.next_due = next_due;
        Ok((answer, committed))
    }

    /// Receives messages, waiting up to `wait_seconds` for the first to arrive.
    pub(crate) async fn receive(
        &self,
        name: &QueueName,
        ask: &Receive,
        wait_seconds: Option<u32>,
    ) -> Result<Vec<Received>, SqsError> {
        let begun = self.clock.now_ms();
        let (arrival, default_wait) = {
            let mut state = self.state.lock().map_err(|_| PANICKED)?;
            let queue = state.store.queue(name)?;
            (queue.arrival(), queue.attributes().receive_message_wait_time_seconds)
        };
        let end = begun + u64::from(wait_seconds.unwrap_or(default_wait)) * 1_000;
        loop {
            // Taken before looking, so that what arrives in between is noticed.
            let arrived = arrival.notified();
            let received = self.step(|store, step| store.receive(name, ask, step)).await?;
            if !received.is_empty() || end <= self.clock.now_ms() {
                return Ok(received);
            }
            tokio::select! {
                () = arrived => {}
                () = self.clock.wait_until(end) => {}
            }
        }
    }
}

fn is_sooner(due: Option<u64>, awaited: Option<u64>) -> bool {
    due.is_some_and(|due| awaited.is_none_or(|awaited| due < awaited))
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::super::store::fixture::{Desk, bodies, message, name, redrive_to, ten};
    use super::*;
    use crate::clock::Hand;

    /// An endpoint in memory with the queues of the desk.
    pub(crate) fn endpoint(desk: Desk) -> (Endpoint, Hand) {
        let (clock, hand) = Clock::manual(desk.step.now);
        (Endpoint::new(desk.store, Journal::none(), clock), hand)
    }

    pub(crate) async fn send(endpoint: &Endpoint, queue: &str, body: &str) {
        endpoint.step(|store, step| store.queue(&name(queue))?.send(message(body), step)).await.unwrap();
    }

    #[tokio::test]
    async fn a_long_poll_wakes_when_a_message_arrives() {
        let (endpoint, _hand) = endpoint(Desk::new().with_queue("q", &[]));
        let (queue, ask) = (name("q"), ten());
        let mut poll = Box::pin(endpoint.receive(&queue, &ask, Some(20)));
        assert!(poll.as_mut().now_or_never().is_none());
        send(&endpoint, "q", "a").await;
        assert_eq!(bodies(&poll.await.unwrap()), ["a"]);
    }

    #[tokio::test]
    async fn each_of_two_messages_wakes_a_poll_of_its_own() {
        let (endpoint, _hand) = endpoint(Desk::new().with_queue("q", &[]));
        let (queue, ask) = (name("q"), Receive { max: 1, ..ten() });
        let mut first = Box::pin(endpoint.receive(&queue, &ask, Some(20)));
        let mut second = Box::pin(endpoint.receive(&queue, &ask, Some(20)));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        send(&endpoint, "q", "a").await;
        send(&endpoint, "q", "b").await;
        assert_eq!(bodies(&first.await.unwrap()), ["a"]);
        assert_eq!(bodies(&second.await.unwrap()), ["b"]);
    }

    #[tokio::test]
    async fn a_long_poll_ends_empty_when_its_time_is_over() {
        let (endpoint, hand) =
            endpoint(Desk::new().with_queue("q", &[("ReceiveMessageWaitTimeSeconds", "20")]));
        let (queue, ask) = (name("q"), ten());
        let mut poll = Box::pin(endpoint.receive(&queue, &ask, None));
        hand.advance(Duration::from_secs(19));
        assert!(poll.as_mut().now_or_never().is_none());
        hand.advance(Duration::from_secs(20));
        assert!(poll.await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_dead_letter_wakes_whoever_waits_for_it() {
        let policy = redrive_to("dlq", 1);
        let desk = Desk::new().with_queue("dlq", &[]);
        let (endpoint, _hand) =
            endpoint(desk.with_queue("q", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "0")]));
        let (queue, dlq, ask) = (name("q"), name("dlq"), ten());
        send(&endpoint, "q", "poison").await;
        endpoint.receive(&queue, &ask, None).await.unwrap();
        let mut poll = Box::pin(endpoint.receive(&dlq, &ask, Some(20)));
        assert!(poll.as_mut().now_or_never().is_none());
        assert!(endpoint.receive(&queue, &ask, None).await.unwrap().is_empty());
        assert_eq!(bodies(&poll.await.unwrap()), ["poison"]);
    }

    #[tokio::test]
    async fn a_long_poll_learns_that_its_queue_is_deleted() {
        let (endpoint, _hand) = endpoint(Desk::new().with_queue("q", &[]));
        let (queue, ask) = (name("q"), ten());
        let mut poll = Box::pin(endpoint.receive(&queue, &ask, Some(20)));
        assert!(poll.as_mut().now_or_never().is_none());
        endpoint.step(|store, step| store.delete_queue(&queue, step)).await.unwrap();
        assert_eq!(poll.await.err(), Some(SqsError::QueueDoesNotExist));
    }
}
