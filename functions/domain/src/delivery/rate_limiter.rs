//! A destination that is to be sent so much at a time, because that was asked for or because it hangs: the rest of its
//! deliveries is put off.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::delivery::circuit_breaker::{CircuitBreaker, HALF_OPEN_PROBES};
use crate::delivery::message::DeliveryMessage;
use crate::delivery::message::{DeliveryQueue, MAX_DELAY};
use crate::delivery::received::Received;
use crate::delivery::record::Trigger;
use crate::shared::clock::Clock;
use crate::shared::rate::RateCounter;
use crate::shared::rate::{RateKey, RateLimit, WINDOW, Window};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// Puts off what a destination is not to be sent yet.
pub struct RateLimiter<R, D> {
    counter: R,
    queue: D,
    limit: Option<RateLimit>,
    circuit_breaker: Arc<CircuitBreaker>,
    clock: Arc<dyn Clock>,
}

/// Whether it is a delivery's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It can be made.
    Now,
    /// A copy of its message waits in the queue; this one can be deleted. It has used no attempt, and the copy none of
    /// the receives that a message has.
    Deferred,
}

impl<R: RateCounter, D: DeliveryQueue> RateLimiter<R, D> {
    /// Over the counters and the queue of deliveries. Without a limit, only what goes to a destination that hangs is
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

    /// One answer for each message, in order.
    pub async fn run(&self, batch: &[Received]) -> Vec<Admission> {
        join_all(batch.iter().map(|received| self.turn(received))).await
    }

    /// A limit that cannot be kept must not keep a delivery from being made.
    async fn turn(&self, received: &Received) -> Admission {
        self.counted(received).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, cause = error.causes(), "rate_limit.unavailable");
            Admission::Now
        })
    }

    async fn counted(&self, received: &Received) -> Result<Admission> {
        let message = &received.message;
        let (account, destination) = (&message.account_id, &message.destination_id);
        let now = self.clock.now();
        let window = Window::at(now);
        if self.has_to_wait(received, now) {
            let place = self.counter.increment(RateKey::Probes(account, destination), window).await?;
            if HALF_OPEN_PROBES.is_exceeded_by(place) {
                // It need not hang for as long as that would take: what has not waited for long looks again soon.
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

    /// A retry comes when it is due, and who tests a destination is looking at it. A message that was handed out in vain
    /// passes for a retry.
    fn has_to_wait(&self, received: &Received, now: Timestamp) -> bool {
        let message = &received.message;
        let can_wait = received.is_first() && message.trigger != Trigger::Test;
        can_wait && self.circuit_breaker.is_open(&message.destination_id, now)
    }

    async fn defer(&self, message: &DeliveryMessage, turn: Timestamp, now: Timestamp) -> Result<Admission> {
        let delay = turn.since(now).min(MAX_DELAY);
        self.queue.send(std::slice::from_ref(message), delay).await?;
        tracing::info!(
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
    use crate::testing::fakes::{ManualClock, MemoryQueue, MemoryRates, sample};

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

    fn hang(rate_limiter: &RateLimiter<MemoryRates, MemoryQueue<DeliveryMessage>>, clock: &ManualClock) {
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
        let turns_with = async |limit| {
            let (rate_limiter, clock) = rate_limiter(&MemoryRates::default(), &MemoryQueue::default(), limit);
            hang(&rate_limiter, &clock);
            let retry = Received { receive_count: Some(2), ..received() };
            let mut test = received();
            test.message.trigger = Trigger::Test;
            rate_limiter.run(&[received(), received(), received(), received(), retry, test]).await
        };
        assert_eq!(turns_with(0).await, [Now, Now, Now, Deferred, Now, Now]);
        // A limit that was asked for is one for all that is sent.
        assert_eq!(turns_with(5).await, [Now, Now, Now, Deferred, Now, Now]);
        assert_eq!(turns_with(4).await, [Now, Now, Now, Deferred, Now, Deferred]);
        assert_eq!(turns_with(2).await, [Now, Now, Deferred, Deferred, Deferred, Deferred]);
    }

    /// Beside a limit that was asked for, which knows no such mercy.
    #[tokio::test]
    async fn what_waits_for_a_destination_that_hangs_waits_at_most_as_long_again_as_it_has_waited() {
        for (limit, age, delay) in [(0, 0, 10), (0, 25, 25), (0, 3_000, 200), (50, 0, 10), (2, 0, 10)] {
            let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
            let (rate_limiter, clock) = rate_limiter(&rates, &queue, limit);
            let mut last = received();
            last.message.created_at = clock.now();
            clock.advance(Duration::from_secs(age));
            hang(&rate_limiter, &clock);
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
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now], "the queue took no copy");
        rates.fail_next();
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Now], "nobody counted");
        assert_eq!(rate_limiter.run(&[received()]).await, [Admission::Deferred]);
    }
}
