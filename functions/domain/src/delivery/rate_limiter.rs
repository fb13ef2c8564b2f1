//! Defers deliveries to a destination that is rate-limited or not responding.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::delivery::circuit_breaker::{CircuitBreaker, HALF_OPEN_PROBES};
use crate::delivery::message::{DeliveryMessage, DeliveryQueue, MAX_DELAY};
use crate::delivery::received::Received;
use crate::delivery::record::Trigger;
use crate::shared::clock::Clock;
use crate::shared::rate::{RateCounter, RateKey, RateLimit, WINDOW, Window};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// Admits deliveries or defers them to a later window.
pub struct RateLimiter<R, D> {
    counter: R,
    queue: D,
    limit: Option<RateLimit>,
    circuit_breaker: Arc<CircuitBreaker>,
    clock: Arc<dyn Clock>,
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
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { counter, queue, limit, circuit_breaker, clock }
    }

    /// Returns one admission for each message, in order.
    pub async fn run(&self, batch: &[Received]) -> Vec<Admission> {
        join_all(batch.iter().map(|received| self.admit(received))).await
    }

    /// Admits the delivery if the counter or the queue fails: a limit that cannot be enforced must not block
    /// deliveries.
    async fn admit(&self, received: &Received) -> Admission {
        self.try_admit(received).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, cause = error.causes(), "rate_limit.unavailable");
            Admission::Now
        })
    }

    async fn try_admit(&self, received: &Received) -> Result<Admission> {
        let message = &received.message;
        let (account, destination) = (&message.account_id, &message.destination_id);
        let now = self.clock.now();
        let window = Window::at(now);
        if self.is_probe(received, now) {
            let place = self.counter.increment(RateKey::Probes(account, destination), window).await?;
            if HALF_OPEN_PROBES.is_exceeded_by(place) {
                // The destination may recover earlier: a delivery that has not waited long is tried again soon.
                let soon = now + now.since(message.created_at).max(WINDOW);
                return self.defer(message, HALF_OPEN_PROBES.slot_for(place, window).min(soon), now).await;
            }
        }
        if let Some(limit) = self.limit {
            let place = self.counter.increment(RateKey::Deliveries(account, destination), window).await?;
            if limit.is_exceeded_by(place) {
                return self.defer(message, limit.slot_for(place, window), now).await;
            }
        }
        Ok(Admission::Now)
    }

    /// Whether the delivery probes a destination whose circuit is open. Retries are made when due, and a customer who
    /// sends a test is waiting for it. A message that was received before without an attempt counts as a retry.
    fn is_probe(&self, received: &Received, now: Timestamp) -> bool {
        let message = &received.message;
        let is_deferrable = received.is_first() && message.trigger != Trigger::Test;
        is_deferrable && self.circuit_breaker.is_open(&message.destination_id, now)
    }

    async fn defer(&self, message: &DeliveryMessage, turn: Timestamp, now: Timestamp) -> Result<Admission> {
        let delay = turn.since(now).min(MAX_DELAY);
        self.queue.send(std::slice::from_ref(message), delay).await?;
        tracing::info!(
            account_id = %message.account_id,
            delivery_id = %message.delivery_id,
            destination_id = %message.destination_id,
            conversation_id = %message.conversation_id,
            event = message.event.as_ref(),
            deferred_at = %now,
            until = %(now + delay),
            "delivery.deferred"
        );
        Ok(Admission::Deferred)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::delivery::outcome::OutcomeClass;
    use crate::delivery::received::Receipt;
    use crate::testing::fakes::{CapturedLog, ManualClock, MemoryQueue, MemoryRates, sample};

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
            RateLimiter::new(rates.clone(), queue.clone(), limit, Arc::default(), Arc::new(clock.clone())),
            clock,
        )
    }

    fn open_circuit(
        rate_limiter: &RateLimiter<MemoryRates, MemoryQueue<DeliveryMessage>>,
        clock: &ManualClock,
    ) {
        let message = received().message;
        rate_limiter
            .circuit_breaker
            .record(&[(&message.destination_id, OutcomeClass::Timeout); 3], clock.now());
    }

    #[tokio::test]
    async fn what_is_too_much_waits_in_the_queue_for_a_later_window() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, clock) = rate_limiter(&rates, &queue, 2);
        let batch = [received(), received(), received()];
        assert_eq!(rate_limiter.run(&batch).await, [Admission::Now, Admission::Now, Admission::Deferred]);
        assert_eq!(queue.sent(), [sample::delivery_message()]);
        assert_eq!(queue.delays(), [Duration::from_secs(10)]);
        clock.advance(Duration::from_secs(10));
        assert_eq!(rate_limiter.run(&batch[..1]).await, [Admission::Now]);
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
        assert_eq!(admissions_with(0).await, [Now, Now, Now, Deferred, Now, Now]);
        // A configured limit applies to every delivery.
        assert_eq!(admissions_with(5).await, [Now, Now, Now, Deferred, Now, Now]);
        assert_eq!(admissions_with(4).await, [Now, Now, Now, Deferred, Now, Deferred]);
        assert_eq!(admissions_with(2).await, [Now, Now, Deferred, Deferred, Deferred, Deferred]);
    }

    /// A configured limit has no such bound.
    #[tokio::test]
    async fn what_waits_for_a_destination_that_hangs_waits_at_most_as_long_again_as_it_has_waited() {
        for (limit, age, delay) in [(0, 0, 10), (0, 25, 25), (0, 3_000, 200), (50, 0, 10), (2, 0, 10)] {
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
            assert_eq!(queue.delays().last(), Some(&Duration::from_secs(delay)), "{limit} {age}");
        }
    }

    #[tokio::test]
    async fn a_limit_that_cannot_be_kept_keeps_nothing_back() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (rate_limiter, _) = rate_limiter(&rates, &queue, 1);
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now]);
        queue.fail_next();
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now], "the queue rejected the copy");
        rates.fail_next();
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now], "the counter failed");
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Deferred]);
    }
}
