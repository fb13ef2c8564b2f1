//! Thousands of deliveries while everything fails at once; and row 44: what a destination that hangs costs the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use domain::shared::ids::EventId;
use domain::testing::fakes::SeededRandomness;
use futures_util::future::BoxFuture;
use local::lambda::function::{Deployed, Function, InvokeError};
use local::receiver::Answer;
use tokio::sync::watch;

use super::entries::UPDATES;
use super::proxy::OVER_CAPACITY;
use super::site::{DEAD_LETTERS, DELIVERIES, EVENTS, Site, attempt};
use crate::world::eventually;

/// Short, so that what an invocation leaves behind comes back soon. If it were shorter, a busy machine would start
/// batches too late, hand them back and use up their receives.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The queues' visibility timeout, a little longer than [`TIMEOUT`].
const VISIBILITY_SECONDS: &str = "25";

/// The delay that is tolerated, because two cores do all the work, the receiver's included.
const OVERLOAD: Duration = Duration::from_secs(5);

/// Concurrent invocations: as many as a small machine completes before their deadlines.
const AT_ONCE: usize = 20;

/// The probability that an invocation is killed, until the killing stops.
const KILLED: f64 = 0.05;

/// The probability that a call to the tables or queues is throttled.
const THROTTLED: f64 = 0.02;

/// A function whose invocations die at random.
struct Mortal {
    function: Arc<dyn Function>,
    randomness: SeededRandomness,
    killed: AtomicUsize,
    is_safe: watch::Receiver<bool>,
}

impl Function for Mortal {
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let dies = !*self.is_safe.borrow() && self.randomness.chance(KILLED);
            let lives = self.randomness.millis(0, 299);
            tokio::select! {
                answer = self.function.invoke(payload, deadline_ms) => answer,
                () = tokio::time::sleep(lives), if dies => {
                    self.killed.fetch_add(1, Ordering::Relaxed);
                    Err(InvokeError::Crashed("injected".to_owned()))
                }
            }
        })
    }
}

/// A site under load, on the machine's clock.
struct Load {
    site: Site,
    accepted: Vec<(EventId, u64)>,
    invokers: watch::Sender<bool>,
}

impl Load {
    /// Starts a site with destinations `/0`, `/1`, … and queues with a short visibility timeout.
    async fn start(destinations: usize) -> Self {
        let site = Site::in_process().await;
        for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
            let change = site.world.stack.clients.sqs.set_queue_attributes().queue_url(site.queue_url(queue));
            let change = change.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_SECONDS);
            change.send().await.unwrap();
        }
        for number in 0..destinations {
            site.destination(&format!("/{number}")).await;
        }
        Self { site, accepted: Vec::new(), invokers: watch::Sender::new(false) }
    }

    /// Feeds the function from all queues, until the load is dropped.
    async fn feed(&self, function: &Deployed, at_once: usize) {
        for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
            let mut mapping = self.site.mapping(queue, function).await;
            mapping.maximum_concurrency = mapping.maximum_concurrency.min(at_once);
            tokio::spawn(mapping.run(self.invokers.subscribe()));
        }
    }

    /// Ends conversations, one in each interval.
    async fn accept(&mut self, events: usize, every: Duration) {
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        for number in 0..events {
            ticks.tick().await;
            // A call without an answer is repeated, as platforms do.
            let event =
                eventually("an accepted event", async || self.site.accepted(&format!("c-{number}")).await)
                    .await;
            self.accepted.push((event, self.site.clock.now_ms()));
        }
    }

    /// Returns when the queues are empty.
    async fn quiet(&self, patience: Duration) {
        let start = Instant::now();
        loop {
            let mut left = Vec::new();
            for queue in [EVENTS, DELIVERIES, DEAD_LETTERS] {
                left.push((queue, self.site.world.messages_in(queue).await));
            }
            if left.iter().all(|(_, messages)| *messages == 0) {
                return;
            }
            assert!(start.elapsed() < patience, "after {patience:?}, messages are left: {left:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Ends a test once the queues are empty: asserts that every promise was kept.
    async fn assert_kept(&self) {
        let mut history = self.site.history().await;
        history.slowed_by = OVERLOAD;
        checker::assert_kept(&history);
    }

    /// The median and the p99 of the time from acceptance to the first attempt, at these destinations.
    fn delays(&self, destinations: std::ops::Range<usize>) -> [Duration; 2] {
        let accepted: BTreeMap<_, _> = self.accepted.iter().map(|(event, at)| (event.as_str(), at)).collect();
        let mut first = BTreeMap::new();
        for request in self.site.receiver.all() {
            let number: usize = request.path[1..].parse().unwrap();
            let event = request.headers["webhook-id"].to_str().unwrap();
            if destinations.contains(&number) {
                let delay = request.at_ms.saturating_sub(*accepted[event]);
                first.entry((number, event.to_owned())).or_insert(delay);
            }
        }
        let mut delays: Vec<_> = first.into_values().collect();
        delays.sort_unstable();
        [50, 99].map(|percent| Duration::from_millis(delays[delays.len() * percent / 100]))
    }
}

/// 1 % of the destinations hang at first, for half as many requests as there are events; 5 % fail at random, invocations are
/// killed and calls throttled at random.
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn everything_fails(events: usize) {
    const DESTINATIONS: usize = 100;
    let start = Instant::now();
    let mut load = Load::start(DESTINATIONS).await;
    let randomness = SeededRandomness::new(7);
    for failing in 1..=5 {
        let answers = std::iter::repeat_with(|| match randomness.below(5) {
            0 => Answer::Status(500),
            1 => Answer::Drop,
            _ => Answer::Status(200),
        });
        load.site.receiver.answer_next(&format!("/{failing}"), answers.take(events * 4));
    }
    load.site.receiver.answer_next("/0", vec![Answer::Hang; events / 2]);
    load.site.tables.throttle(THROTTLED, 11);
    load.site.queues.throttle(THROTTLED, 13);
    let (make_safe, is_safe) = watch::channel(false);
    let function = load.site.dispatch().await.function;
    let mortal = Arc::new(Mortal {
        function,
        randomness: SeededRandomness::new(17),
        killed: AtomicUsize::new(0),
        is_safe,
    });
    load.feed(&load.site.deployed(Arc::clone(&mortal) as _, TIMEOUT), AT_ONCE).await;
    load.accept(events, Duration::ZERO).await;
    let accepted = start.elapsed();
    // If invocations were killed for ever, a few deliveries might never end.
    load.site.tables.answered(UPDATES, events * DESTINATIONS * 9 / 10).await;
    make_safe.send(true).unwrap();
    load.quiet(Duration::from_secs(20 * 60)).await;
    let quiet = start.elapsed();

    let requests = load.site.receiver.all();
    let repeated = requests.iter().filter(|request| attempt(request) > 1).count();
    let killed = mortal.killed.load(Ordering::Relaxed);
    let [median, p99] = load.delays(6..DESTINATIONS);
    println!(
        "{} deliveries accepted in {accepted:?}, ended in {quiet:?}: {} requests, {repeated} of them repeated, \
         {killed} invocations killed; first attempts at the healthy after {median:?} (p50) and {p99:?} (p99)",
        events * DESTINATIONS,
        requests.len(),
    );
    assert!(killed > 0 && repeated > 0, "a load without faults proves nothing");
    load.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_deliveries_while_everything_fails() {
    everything_fails(10).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo test --profile bench -p tests --test it -- --ignored twenty_thousand --nocapture"]
async fn twenty_thousand_deliveries_while_everything_fails() {
    everything_fails(200).await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
#[ignore = "takes minutes: cargo test --profile bench -p tests --test it -- --ignored ten_thousand --nocapture"]
async fn row_36_ten_thousand_messages_of_a_destination_whose_counter_takes_a_thousand_writes_a_second() {
    const EVENTS: usize = 10_000;
    let mut load = Load::start(1).await;
    load.site.receiver.answer_next("/0", vec![Answer::Status(500); EVENTS / 2]);
    load.site.tables.limit_items(1_000, &load.site.clock);
    // Before anything is delivered, so that batches are full and come at once.
    load.accept(EVENTS, Duration::ZERO).await;
    let start = Instant::now();
    load.feed(&load.site.dispatch_with_limit(EVENTS.try_into().unwrap()).await, AT_ONCE).await;
    load.quiet(Duration::from_secs(20 * 60)).await;
    let (requests, over) = (load.site.receiver.all().len(), load.site.tables.calls(OVER_CAPACITY));
    println!(
        "{EVENTS} messages ended in {:?}: {requests} requests, {over} writes throttled",
        start.elapsed()
    );
    load.assert_kept().await;
}

/// The delays at nine healthy destinations beside a tenth that hangs, or does not.
async fn delays_beside(hangs: bool, events: usize, every: Duration) -> [Duration; 2] {
    const DESTINATIONS: usize = 10;
    let mut load = Load::start(DESTINATIONS).await;
    if hangs {
        load.site.receiver.answer("/0", Answer::Hang);
    }
    let dispatch = load.site.dispatch().await;
    load.feed(&dispatch, usize::MAX).await;
    load.accept(events, every).await;
    for number in 1..DESTINATIONS {
        load.site.receiver.wait_for(&format!("/{number}"), events).await;
    }
    let delays = load.delays(1..DESTINATIONS);
    load.site.receiver.answer("/0", Answer::Status(200));
    load.quiet(Duration::from_secs(3 * 60)).await;
    load.assert_kept().await;
    delays
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn row_44_a_destination_that_hangs_costs_its_neighbours_less_than_twice_the_time() {
    let (events, every) = (30, Duration::from_millis(150));
    // At the same time, so that the machine's other work affects both alike.
    let (healthy, beside) =
        tokio::join!(delays_beside(false, events, every), delays_beside(true, events, every));
    println!("median and p99 of first attempts: {healthy:?} if none hangs, {beside:?} beside one that hangs");
    // The tolerance covers the scheduler's granularity.
    assert!(beside[1] <= healthy[1] * 2 + Duration::from_millis(50), "{healthy:?} {beside:?}");
}
