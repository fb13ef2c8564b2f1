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

fn open_circuit(rate_limiter: &RateLimiter<MemoryRates, MemoryQueue<DeliveryMessage>>, clock: &ManualClock) {
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
    let ids = format!(" account_id={account_id} delivery_id={delivery_id} destination_id={destination_id} ");
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
async fn what_is_not_due_waits_on_and_counts_for_nothing() {
    let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
    let (rate_limiter, clock) = rate_limiter(&rates, &queue, 1);
    open_circuit(&rate_limiter, &clock);
    let early = |seconds| {
        let due_at = clock.now() + Duration::from_secs(seconds);
        Received { message: received().message.waiting_until(due_at, clock.now()), ..received() }
    };
    let batch = [early(7_200), early(841), early(60), early(0)];
    use Admission::{Deferred, Now};
    assert_eq!(rate_limiter.run(&batch).await, [Deferred, Deferred, Deferred, Now]);
    assert_eq!((waits(&queue), rates.counted()), (vec![840, 840, 60], 2), "the last one alone is counted");
    queue.fail_next();
    assert_eq!(rate_limiter.run(&batch[..1]).await, [Now], "it waits by its records");
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
