//! Runs futures in virtual time: one thread, no waiting. Actions due at the same time run in the order in which they
//! were scheduled, so a run is exactly repeatable.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The action of a timer.
enum Due {
    Wake(Waker),
    Do(Box<dyn FnOnce() + Send>),
}

struct Timer {
    at: Timestamp,
    order: u64,
    due: Due,
}

impl Timer {
    fn rank(&self) -> (Timestamp, u64) {
        (self.at, self.order)
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    /// Reversed, so that the heap's greatest timer is the next one due.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

struct State {
    now: Timestamp,
    timers: BinaryHeap<Timer>,
    scheduled: u64,
    spawned: Vec<Task>,
}

/// The clock and scheduler of the simulated world.
#[derive(Clone)]
pub(crate) struct Time(Arc<Mutex<State>>);

impl Time {
    pub(crate) fn starting_at(now: Timestamp) -> Self {
        let (timers, spawned) = (BinaryHeap::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { now, timers, scheduled: 0, spawned })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn schedule(&self, at: Timestamp, due: Due) {
        let mut state = self.state();
        state.scheduled += 1;
        let order = state.scheduled;
        state.timers.push(Timer { at, order, due });
    }

    pub(crate) fn sleep(&self, span: Duration) -> Sleep {
        self.sleep_until(self.now() + span)
    }

    pub(crate) fn sleep_until(&self, until: Timestamp) -> Sleep {
        Sleep { time: self.clone(), until, is_scheduled: false }
    }

    /// Runs an action later, even if its caller has died.
    pub(crate) fn after(&self, span: Duration, action: impl FnOnce() + Send + 'static) {
        self.schedule(self.now() + span, Due::Do(Box::new(action)));
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.state().spawned.push(Box::pin(task));
    }

    /// Runs until nothing is left to do, or until `end`.
    pub(crate) fn run_until(&self, end: Timestamp) {
        let ready = Ready::default();
        let mut tasks: Vec<Option<(Task, Waker)>> = Vec::new();
        loop {
            for task in std::mem::take(&mut self.state().spawned) {
                let waker = Waker::from(Arc::new(Alarm { task: tasks.len(), ready: ready.clone() }));
                waker.wake_by_ref();
                tasks.push(Some((task, waker)));
            }
            let next = ready.0.lock().unwrap().pop_front();
            if let Some(index) = next {
                let Some((task, waker)) = &mut tasks[index] else { continue };
                if task.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                    tasks[index] = None;
                }
                continue;
            }
            let timer = self.state().timers.pop();
            let Some(Timer { at, due, .. }) = timer.filter(|timer| timer.at <= end) else { break };
            self.state().now = at;
            match due {
                Due::Wake(waker) => waker.wake(),
                Due::Do(action) => action(),
            }
        }
        // The remaining timers hold the world, which holds this scheduler: break the reference cycle.
        self.state().timers.clear();
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.state().now
    }
}

/// The tasks that are ready to run.
#[derive(Clone, Default)]
struct Ready(Arc<Mutex<VecDeque<usize>>>);

struct Alarm {
    task: usize,
    ready: Ready,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ready.0.lock().unwrap().push_back(self.task);
    }
}

/// A future that is ready at a given time.
pub(crate) struct Sleep {
    time: Time,
    until: Timestamp,
    is_scheduled: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.until {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut self.is_scheduled, true) {
            self.time.schedule(self.until, Due::Wake(context.waker().clone()));
        }
        Poll::Pending
    }
}
