//! A destination that is to be sent so much at a time: the rest of its deliveries is put off.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::deliver::Received;
use crate::ports::{Clock, DeliveryQueue, RateCounter, Result};
use crate::rate::{Counted, RateLimit, Window};

/// Puts off what a destination is not to be sent yet.
pub struct Pace<R, D> {
    counter: R,
    queue: D,
    limit: Option<RateLimit>,
    clock: Arc<dyn Clock>,
}

/// Whether it is a delivery's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It can be made.
    Now,
    /// A copy of its message waits in the queue; this one can be deleted. It has used no attempt, and the copy none of
    /// the receives that a message has.
    PutOff,
}

impl<R: RateCounter, D: DeliveryQueue> Pace<R, D> {
    /// Over the counters and the queue of deliveries. Without a limit, nothing is counted.
    pub fn new(counter: R, queue: D, limit: Option<RateLimit>, clock: Arc<dyn Clock>) -> Self {
        Self { counter, queue, limit, clock }
    }

    /// One answer for each message, in order.
    pub async fn run(&self, batch: &[Received]) -> Vec<Turn> {
        match self.limit {
            Some(limit) => join_all(batch.iter().map(|received| self.turn(received, limit))).await,
            None => vec![Turn::Now; batch.len()],
        }
    }

    /// A limit that cannot be kept must not keep a delivery from being made.
    async fn turn(&self, received: &Received, limit: RateLimit) -> Turn {
        self.counted(received, limit).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, cause = error.causes(), "delivery.not_paced");
            Turn::Now
        })
    }

    async fn counted(&self, received: &Received, limit: RateLimit) -> Result<Turn> {
        let message = &received.message;
        let now = self.clock.now();
        let window = Window::at(now);
        let counted = Counted::Deliveries(&message.account_id, &message.destination_id);
        let place = self.counter.count(counted, window).await?;
        if !limit.is_exceeded_by(place) {
            return Ok(Turn::Now);
        }
        let delay = limit.turn_of(place, window).since(now);
        self.queue.send(std::slice::from_ref(message), delay).await?;
        tracing::info!(
            delivery_id = %message.delivery_id,
            destination_id = %message.destination_id,
            seconds = delay.as_secs(),
            "delivery.put_off"
        );
        Ok(Turn::PutOff)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fakes::{ManualClock, MemoryQueue, MemoryRates, sample};
    use crate::messages::DeliveryMessage;
    use crate::ports::Receipt;

    fn received() -> Received {
        let message = sample::delivery_message();
        Received { message, receipt: Receipt("receipt".to_owned()), receive_count: Some(1) }
    }

    fn pace(
        rates: &MemoryRates,
        queue: &MemoryQueue<DeliveryMessage>,
        limit: u64,
    ) -> (Pace<MemoryRates, MemoryQueue<DeliveryMessage>>, ManualClock) {
        let clock = ManualClock::new(1_000_000);
        let limit = RateLimit::new(limit);
        (Pace::new(rates.clone(), queue.clone(), limit, Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn what_is_too_much_waits_in_the_queue_for_a_later_window() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (pace, clock) = pace(&rates, &queue, 2);
        let batch = [received(), received(), received()];
        assert_eq!(pace.run(&batch).await, [Turn::Now, Turn::Now, Turn::PutOff]);
        assert_eq!(queue.sent(), [sample::delivery_message()]);
        assert_eq!(queue.delays(), [Duration::from_secs(10)]);
        clock.advance(Duration::from_secs(10));
        assert_eq!(pace.run(&batch[..1]).await, [Turn::Now]);
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_counted() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (pace, _) = pace(&rates, &queue, 0);
        assert_eq!(pace.run(&[received()]).await, [Turn::Now]);
        assert_eq!(rates.counted(), 0);
    }

    #[tokio::test]
    async fn a_limit_that_cannot_be_kept_keeps_nothing_back() {
        let (rates, queue) = (MemoryRates::default(), MemoryQueue::default());
        let (pace, _) = pace(&rates, &queue, 1);
        assert_eq!(pace.run(&[received()]).await, [Turn::Now]);
        queue.fail_next();
        assert_eq!(pace.run(&[received()]).await, [Turn::Now], "the queue took no copy");
        rates.fail_next();
        assert_eq!(pace.run(&[received()]).await, [Turn::Now], "nobody counted");
        assert_eq!(pace.run(&[received()]).await, [Turn::PutOff]);
    }
}
