//! The event source mapping: hands batches to invocations, deletes what they are done with, and kills them at their
//! deadline.

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
use crate::queue::{Handed, Source};
use crate::worker::Worker;
use crate::world::World;

/// Of the function, as in the template.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Until a mapping asks a queue again that has messages and gave none.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl World {
    /// Hands out what can be seen then.
    pub(crate) fn poll_after(self: &Arc<Self>, source: Source, span: Duration) {
        let at = self.time.now() + span + self.randomness.millis(0, 20);
        if self.is_next_poll(source, at) {
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
            // Of the rest, and of what is neither deleted nor put off by then.
            for queue in [source, Source::DeadLetters] {
                if let Some(visible_at) = self.queues.next_visible(queue) {
                    self.poll_after(queue, visible_at.since(self.time.now()));
                }
            }
            if batch.is_empty() {
                return;
            }
            self.begin(source);
            let world = Arc::clone(self);
            self.time.spawn(async move {
                world.invoke(source, batch).await;
                world.end(source);
                world.poll(source);
            });
        }
        if let Some(at) = self.grows_at(source) {
            self.poll_after(source, at.since(self.time.now()));
        }
    }

    async fn invoke(self: &Arc<Self>, source: Source, batch: Vec<Handed>) {
        if self.faults.happens(Point::Invoke, Fault::ThrottledInvoke) {
            return; // the batch's receives are used up
        }
        for receipt in self.run_worker(source, batch).await.unwrap_or_default() {
            self.queues.delete(&receipt);
        }
    }

    /// The messages that are done with; `None` if it did not live to say so.
    async fn run_worker(self: &Arc<Self>, source: Source, batch: Vec<Handed>) -> Option<Vec<Receipt>> {
        let (began, clock) = (self.time.now(), self.sandbox());
        let happens = |fault| self.faults.happens(Point::Invoke, fault);
        let network = Network {
            time: self.time.clone(),
            randomness: self.randomness.clone(),
            faults: self.faults.clone(),
            life: Default::default(),
            clock: Arc::clone(&clock),
            hears_dates: self.hears_dates,
        };
        let life = network.life.clone();
        if happens(Fault::KilledAtRandom) {
            let life = life.clone();
            self.time.after(self.randomness.any_scale(TIMEOUT), move || life.end());
        }
        let late = if happens(Fault::LateStart) { self.randomness.millis(1, 100) } else { Duration::ZERO };
        let frozen = if happens(Fault::Frozen) { self.randomness.any_scale(TIMEOUT) } else { Duration::ZERO };
        let from = self.time.now() + self.randomness.any_scale(TIMEOUT);
        let worker = Worker::new(Ports { world: Arc::clone(self), network });
        let work = async move {
            self.time.sleep(late).await;
            // As far ahead as it was stated, as `dispatch` reads it.
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

/// Work that stands still for a while.
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
