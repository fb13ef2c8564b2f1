//! Defers deliveries to a destination that is rate-limited or not responding.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use crate::delivery::circuit_breaker::{CircuitBreaker, HALF_OPEN_PROBES};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue};
use crate::delivery::received::Received;
use crate::delivery::record::Trigger;
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::randomness::Randomness;
use crate::shared::rate::{RateCounter, RateKey, RateLimit, WINDOW, Window};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// The bounds of the wait of a first attempt while the counter is unavailable.
const MIN_WAIT: Duration = Duration::from_secs(10);
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Admits deliveries or defers them to a later window.
pub struct RateLimiter<R, D> {
    counter: R,
    queue: D,
    limit: Option<RateLimit>,
    circuit_breaker: Arc<CircuitBreaker>,
    /// How long events are kept.
    retention: Duration,
    /// Windows that this process knows to be used up, and how many messages it has seen in them.
    used_up: Mutex<HashMap<String, (Window, u64)>>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

/// Whether a delivery may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The delivery may be made.
    Now,
    /// A copy of the message waits in the queue, and this one can be deleted. No attempt was used, and the copy's
    /// receive count starts at zero.
    Deferred,
}

impl<R: RateCounter, D: DeliveryQueue> RateLimiter<R, D> {
    /// Creates the step from its ports. Without a limit, only deliveries to a destination that is not responding are
    /// counted.
    pub fn new(
        counter: R,
        queue: D,
        limit: Option<RateLimit>,
        circuit_breaker: Arc<CircuitBreaker>,
        retention: Duration,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        Self {
            counter,
            queue,
            limit,
            circuit_breaker,
            retention,
            used_up: Mutex::default(),
            clock,
            randomness,
        }
    }

    /// Returns one admission for each message, in order.
    pub async fn run(&self, batch: &[Received]) -> Vec<Admission> {
        let now = self.clock.now();
        let mut waits = vec![None; batch.len()];
        // Of a delivery that outlived its event, nothing is left to send but its end.
        let is_kept = |&index: &usize| now.since(batch[index].message.created_at) < self.retention;
        let kept: Vec<_> = (0..batch.len()).filter(is_kept).collect();
        let probes = kept.iter().copied().filter(|&index| self.is_probe(&batch[index], now)).collect();
        self.limit(
            batch,
            probes,
            |account, id| RateKey::Probes(account, id),
            HALF_OPEN_PROBES,
            now,
            &mut waits,
        )
        .await;
        if let Some(limit) = self.limit {
            let admitted = kept.into_iter().filter(|&index| waits[index].is_none()).collect();
            self.limit(
                batch,
                admitted,
                |account, id| RateKey::Deliveries(account, id),
                limit,
                now,
                &mut waits,
            )
            .await;
        }
        let admissions = batch.iter().zip(waits).map(async |(received, until)| match until {
            None => Admission::Now,
            Some(until) => self.defer(&received.message, until, now).await,
        });
        join_all(admissions).await
    }

    /// Sets until when the messages beyond a limit wait. Counts once for each destination, because a counter is one
    /// item, and an item takes 1,000 writes a second.
    async fn limit(
        &self,
        batch: &[Received],
        candidates: Vec<usize>,
        key: for<'a> fn(&'a AccountId, &'a DestinationId) -> RateKey<'a>,
        limit: RateLimit,
        now: Timestamp,
        waits: &mut [Option<Timestamp>],
    ) {
        let window = Window::at(now);
        let mut by_destination = BTreeMap::<_, Vec<usize>>::new();
        for index in candidates {
            let message = &batch[index].message;
            by_destination.entry((&message.account_id, &message.destination_id)).or_default().push(index);
        }
        let counts = by_destination.into_iter().map(async |((account, destination), messages)| {
            let key = key(account, destination);
            (key, self.count(key, limit, window, messages.len() as u64).await, messages)
        });
        for (key, counted, messages) in join_all(counts).await {
            match counted {
                Ok(counted) => {
                    for (place, index) in (counted + 1 - messages.len() as u64..).zip(messages) {
                        if limit.is_exceeded_by(place) {
                            waits[index] =
                                Some(self.turn(key, limit.slot_for(place, window), &batch[index], now));
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, cause = error.causes(), "rate_limit.unavailable");
                    for index in messages.into_iter().filter(|&index| batch[index].is_first()) {
                        waits[index] = Some(now + self.random_wait());
                    }
                }
            }
        }
    }

    /// When a message beyond the limit has its turn. The destination of a probe may recover before that: a message that
    /// has not waited long checks again soon.
    fn turn(&self, key: RateKey<'_>, slot: Timestamp, received: &Received, now: Timestamp) -> Timestamp {
        match key {
            RateKey::Probes(..) => slot.min(now + now.since(received.message.created_at).max(WINDOW)),
            RateKey::Deliveries(..) | RateKey::Requests(_) => slot,
        }
    }

    /// Counts messages in a window and returns how many it has so far. Once this process knows that the window is used
    /// up, it counts on by itself and leaves the counter to others.
    async fn count(&self, key: RateKey<'_>, limit: RateLimit, window: Window, messages: u64) -> Result<u64> {
        let id = format!("{key:?}");
        if let Some((_, count)) = self.used_up().get_mut(&id).filter(|(known, _)| *known == window) {
            *count += messages;
            return Ok(*count);
        }
        let count = self.counter.add(key, window, messages).await?;
        if limit.is_exceeded_by(count + 1) {
            let mut used_up = self.used_up();
            used_up.retain(|_, (known, _)| *known == window);
            used_up.insert(id, (window, count));
        }
        Ok(count)
    }

    fn used_up(&self) -> MutexGuard<'_, HashMap<String, (Window, u64)>> {
        self.used_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a first attempt waits while the counter is unavailable: random, so that the attempts spread.
    fn random_wait(&self) -> Duration {
        let random = u16::from_le_bytes(self.randomness.bytes());
        MIN_WAIT + (MAX_WAIT - MIN_WAIT) * random.into() / (1 << 16)
    }

    /// Whether the delivery probes a destination whose circuit is open. Retries are made when due, and a customer who
    /// sends a test is waiting for it. A message that was received before without an attempt counts as a retry.
    fn is_probe(&self, received: &Received, now: Timestamp) -> bool {
        let message = &received.message;
        let is_deferrable = received.is_first() && message.trigger != Trigger::Test;
        is_deferrable && self.circuit_breaker.is_open(&message.destination_id, now)
    }

    /// Sends a copy that waits for its turn, longer than it has waited before. If the queue refuses it, the delivery is admitted: it must not be lost.
    async fn defer(&self, message: &DeliveryMessage, until: Timestamp, now: Timestamp) -> Admission {
        let wait = message.wait.for_turn(until.since(now));
        if let Err(error) = self.queue.send(&[DeliveryMessage { wait, ..message.clone() }]).await {
            tracing::warn!(error = %error, cause = error.causes(), "rate_limit.unavailable");
            return Admission::Now;
        }
        tracing::info!(
            account_id = %message.account_id,
            delivery_id = %message.delivery_id,
            destination_id = %message.destination_id,
            conversation_id = %message.conversation_id,
            event = message.event.as_ref(),
            until = %(now + wait.duration()),
            "delivery.deferred"
        );
        Admission::Deferred
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::delivery::outcome::Reaction;
    use crate::delivery::received::Receipt;
    use crate::testing::fakes::{
        CapturedLog, ManualClock, MemoryQueue, MemoryRates, RETENTION, SeededRandomness, sample,
    };

    fn received() -> Received {
        let message = sample::delivery_message();
        Received { message, receipt: Receipt("receipt".to_owned()), receive_count: Some(1) }
    }

    fn rate_limiter(
        rates: &MemoryRates,
        queue: &MemoryQueue<DeliveryMessage>,
        limit: u64,
    ) -> (RateLimiter<MemoryRates, MemoryQueue<DeliveryMessage>>, ManualClock) {
        let clock = ManualClock::new(1_000_000);
        let limit = RateLimit::new(limit);
        (
            RateLimiter::new(
                rates.clone(),
                queue.clone(),
                limit,
                Arc::default(),
                RETENTION,
                Arc::new(clock.clone()),
                Arc::new(SeededRandomness::new(7)),
            ),
            clock,
        )
    }

    /// The waits of the copies, in seconds.
    fn waits(queue: &MemoryQueue<DeliveryMessage>) -> Vec<u64> {
        queue.sent().iter().map(|copy| copy.wait.duration().as_secs()).collect()
    }

    fn open_circuit(
        rate_limiter: &RateLimiter<MemoryRates, MemoryQueue<DeliveryMessage>>,
        clock: &ManualClock,
    ) {
        let message = received().message;
        rate_limiter.circuit_breaker.record(&[(&message.destination_id, Reaction::Hangs); 3], clock.now());
    }

    #[tokio::test]
    async fn what_is_too_much_waits_in_the_queue_for_a_later_window() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, clock) = rate_limiter(&rates, &queue, 2);
        let batch = [received(), received(), received()];
        assert_eq!(rate_limiter.run(&batch).await, [Admission::Now, Admission::Now, Admission::Deferred]);
        assert_eq!(waits(&queue), [10]);
        clock.advance(Duration::from_secs(10));
        assert_eq!(rate_limiter.run(&batch[..1]).await, [Admission::Now]);
    }

    /// Its event is gone: it ends, instead of waiting for ever.
    #[tokio::test]
    async fn what_is_too_much_waits_no_longer_than_its_event_is_kept() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, clock) = rate_limiter(&rates, &queue, 1);
        let mut waiting = received();
        waiting.message.created_at = clock.now();
        clock.advance(RETENTION - WINDOW);
        for admission in [Admission::Deferred, Admission::Now] {
            open_circuit(&rate_limiter, &clock);
            rate_limiter.run(&[received(), received()]).await;
            assert_eq!(rate_limiter.run(&[waiting.clone()]).await, [admission]);
            clock.advance(WINDOW);
        }
    }

    /// An operator finds the customer behind a destination by this line.
    #[tokio::test]
    async fn the_line_of_a_deferral_has_the_ids_and_the_time_of_the_next_try() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, _) = rate_limiter(&rates, &queue, 1);
        let lines = CapturedLog::start();
        rate_limiter.run(&[received(), received()]).await;
        let DeliveryMessage { account_id, delivery_id, destination_id, .. } = sample::delivery_message();
        let ids =
            format!(" account_id={account_id} delivery_id={delivery_id} destination_id={destination_id} ");
        let [line] = &lines.of("delivery.deferred")[..] else { panic!("one delivery is deferred") };
        assert!(line.starts_with(&ids) && line.contains(" until="), "{line}");
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_counted() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, _) = rate_limiter(&rates, &queue, 0);
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now]);
        assert_eq!(rates.counted(), 0);
    }

    #[tokio::test]
    async fn of_what_goes_to_a_destination_that_hangs_new_deliveries_wait_and_no_retry_and_no_test() {
        use Admission::{Deferred, Now};
        let admissions_with = async |limit| {
            let (rate_limiter, clock) = rate_limiter(&MemoryRates::default(), &MemoryQueue::default(), limit);
            open_circuit(&rate_limiter, &clock);
            let retry = Received { receive_count: Some(2), ..received() };
            let mut test = received();
            test.message.trigger = Trigger::Test;
            rate_limiter.run(&[received(), received(), received(), received(), retry, test]).await
        };
        assert_eq!(admissions_with(0).await, [Now, Now, Deferred, Deferred, Now, Now]);
        // A configured limit applies to every delivery.
        assert_eq!(admissions_with(4).await, [Now, Now, Deferred, Deferred, Now, Now]);
        assert_eq!(admissions_with(3).await, [Now, Now, Deferred, Deferred, Now, Deferred]);
        assert_eq!(admissions_with(2).await, [Now, Now, Deferred, Deferred, Deferred, Deferred]);
    }

    /// A configured limit has no such bound.
    #[tokio::test]
    async fn what_waits_for_a_destination_that_hangs_waits_at_most_as_long_again_as_it_has_waited() {
        for (limit, age, delay) in [(0, 0, 10), (0, 25, 25), (0, 3_000, 300), (50, 0, 10), (2, 0, 10)] {
            let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
            let (rate_limiter, clock) = rate_limiter(&rates, &queue, limit);
            let mut last = received();
            last.message.created_at = clock.now();
            clock.advance(Duration::from_secs(age));
            open_circuit(&rate_limiter, &clock);
            for _ in 0..60 {
                rate_limiter.run(&[received()]).await;
            }
            assert_eq!(rate_limiter.run(&[last]).await, [Admission::Deferred]);
            assert_eq!(waits(&queue).last(), Some(&delay), "{limit} {age}");
        }
    }

    #[tokio::test]
    async fn a_batch_counts_once_for_each_destination_and_a_window_that_is_used_up_is_counted_no_more() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, clock) = rate_limiter(&rates, &queue, 2);
        rates.throttle_after(2);
        let batch = [received(), received(), received()];
        use Admission::{Deferred, Now};
        assert_eq!(rate_limiter.run(&batch).await, [Now, Now, Deferred]);
        for _ in 0..100 {
            assert_eq!(rate_limiter.run(&batch).await, [Deferred; 3], "known without a write");
        }
        clock.advance(Duration::from_secs(10));
        assert_eq!(rate_limiter.run(&batch).await, [Now, Now, Deferred], "the second write");
    }

    #[tokio::test]
    async fn while_the_counter_is_unavailable_first_attempts_wait_and_retries_are_made() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, clock) = rate_limiter(&rates, &queue, 0);
        open_circuit(&rate_limiter, &clock);
        rates.throttle_after(0);
        let retry = Received { receive_count: Some(2), ..received() };
        for _ in 0..100 {
            let admissions = rate_limiter.run(&[received(), retry.clone()]).await;
            assert_eq!(admissions, [Admission::Deferred, Admission::Now]);
        }
        let waits = waits(&queue);
        assert!(waits.iter().all(|wait| (10..=60).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }

    #[tokio::test]
    async fn a_copy_that_the_queue_refuses_is_delivered_now() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, _) = rate_limiter(&rates, &queue, 1);
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now]);
        queue.fail_next();
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now]);
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Deferred]);
    }
}
