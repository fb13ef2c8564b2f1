//! The event source mapping: passes batches to invocations, kills these at their deadline, and deletes the messages
//! that are done.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::delivery::deliver::Invocation;
use domain::delivery::received::Receipt;
use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use futures_util::future::{Either, select};

use crate::executor::{Sleep, Time};
use crate::faults::{Fault, Point};
use crate::network::Network;
use crate::ports::Ports;
use crate::queue::{ReceivedMessage, Source};
use crate::worker::Worker;
use crate::world::World;

/// The function's timeout, as set in `infra/template.yaml`.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Appearances after which Lambda stops a chain of requests, unless the function allows loops.
const MAX_APPEARANCES: u32 = 16;

/// The wait before the next poll of a queue that has messages but returned none.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl World {
    /// Polls a queue after this time, unless an earlier poll is scheduled.
    pub(crate) fn poll_after(self: &Arc<Self>, source: Source, span: Duration) {
        let at = self.time.now() + span + self.randomness.millis(0, 20);
        if self.schedule_poll(source, at) {
            let world = Arc::clone(self);
            self.time.after(at.since(self.time.now()), move || {
                if world.is_poll_due(source, at) {
                    world.poll(source);
                }
            });
        }
    }

    fn poll(self: &Arc<Self>, source: Source) {
        while self.may_invoke(source) {
            let Some(batch) = self.queues.receive(source, self.time.now()) else {
                return self.poll_after(source, ASK_AGAIN);
            };
            // Polls again for the other messages, and for those of this batch that come back.
            for queue in [source, Source::DeadLetters] {
                if let Some(visible_at) = self.queues.next_visible(queue) {
                    self.poll_after(queue, visible_at.since(self.time.now()));
                }
            }
            if batch.is_empty() {
                return;
            }
            self.start_invocation(source);
            let world = Arc::clone(self);
            self.time.spawn(async move {
                world.invoke(source, batch).await;
                world.end_invocation(source);
                world.poll(source);
            });
        }
        if let Some(at) = self.grows_at(source) {
            self.poll_after(source, at.since(self.time.now()));
        }
    }

    async fn invoke(self: &Arc<Self>, source: Source, batch: Vec<ReceivedMessage>) {
        if self.faults.happens(Point::Invoke, Fault::ThrottledInvoke) {
            return; // the batch's receives are used up
        }
        let longest = batch.iter().map(|received| received.appearances).max();
        let appearances = longest.unwrap_or_default() + 1;
        if appearances > MAX_APPEARANCES && !self.allows_loops {
            return; // likewise
        }
        for receipt in self.run_worker(source, batch, appearances).await.unwrap_or_default() {
            self.queues.delete(&receipt);
        }
    }

    /// Returns the messages that are done with; `None` if the invocation died first.
    async fn run_worker(
        self: &Arc<Self>,
        source: Source,
        batch: Vec<ReceivedMessage>,
        appearances: u32,
    ) -> Option<Vec<Receipt>> {
        let (began, clock) = (self.time.now(), self.sandbox_clock());
        let happens = |fault| self.faults.happens(Point::Invoke, fault);
        let network = Network {
            time: self.time.clone(),
            randomness: self.randomness.clone(),
            faults: self.faults.clone(),
            life: Default::default(),
            clock: Arc::clone(&clock),
            syncs_clocks: self.syncs_clocks,
        };
        let life = network.life.clone();
        if happens(Fault::KilledAtRandom) {
            let life = life.clone();
            self.time.after(self.randomness.log_uniform(TIMEOUT), move || life.end());
        }
        let late = if happens(Fault::LateStart) { self.randomness.millis(1, 100) } else { Duration::ZERO };
        let frozen =
            if happens(Fault::Frozen) { self.randomness.log_uniform(TIMEOUT) } else { Duration::ZERO };
        let from = self.time.now() + self.randomness.log_uniform(TIMEOUT);
        let worker = Worker::new(Ports { world: Arc::clone(self), network, appearances });
        let work = async move {
            self.time.sleep(late).await;
            // The worker's own clock plus the remaining time, as `dispatch` computes it.
            let deadline = clock.now() + (TIMEOUT - late);
            worker.handle(source, batch, Invocation { id: self.invocation_id(), deadline }).await
        };
        let thaw = self.time.sleep_until(from + frozen);
        let work = Freezing { time: self.time.clone(), from, thaw, work: Box::pin(work) };
        let deadline = async {
            self.time.sleep_until(began + TIMEOUT).await;
            self.faults.note(Fault::KilledAtDeadline, || format!("{source:?}"));
        };
        match select(pin!(select(life, pin!(deadline))), work).await {
            Either::Left(_) => None,
            Either::Right((done, _)) => Some(done),
        }
    }
}

/// Work that is frozen for a while.
struct Freezing<F> {
    time: Time,
    from: Timestamp,
    thaw: Sleep,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Freezing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.time.now() >= self.from && Pin::new(&mut self.thaw).poll(context).is_pending() {
            return Poll::Pending;
        }
        self.work.as_mut().poll(context)
    }
}
