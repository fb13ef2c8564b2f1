//! Defers deliveries that are not due yet, or whose destination is rate-limited or not responding.

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
        // A delivery that outlived its event only has to be cancelled.
        let is_kept = |received: &Received| now.since(received.message.created_at) < self.retention;
        let is_candidate = |&index: &usize| is_kept(&batch[index]) && !batch[index].is_early(now);
        let candidates: Vec<_> = (0..batch.len()).filter(is_candidate).collect();
        let probes = candidates.iter().copied().filter(|&index| self.is_probe(&batch[index], now)).collect();
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
            let admitted = candidates.into_iter().filter(|&index| waits[index].is_none()).collect();
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
            None if received.is_early(now) => self.wait_on(&received.message, now).await,
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

    /// Whether the delivery probes a destination whose circuit is open. The retries of the first half minute are made
    /// when due, and a customer who sends a test is waiting for it; later retries come as copies and probe, too. A
    /// message that was received before without an attempt counts as a retry.
    fn is_probe(&self, received: &Received, now: Timestamp) -> bool {
        let message = &received.message;
        let is_deferrable = received.is_first() && message.trigger != Trigger::Test;
        is_deferrable && self.circuit_breaker.is_open(&message.destination_id, now)
    }

    /// Sends a copy that waits on for its retry, without a read of any table. If the queue refuses it, the delivery reads
    /// its records and waits by itself.
    async fn wait_on(&self, message: &DeliveryMessage, now: Timestamp) -> Admission {
        let due_at = message.due_at.unwrap_or(now);
        match self.queue.send(&[message.waiting_until(due_at, now)]).await {
            Ok(()) => Admission::Deferred,
            Err(error) => {
                tracing::warn!(error = %error, cause = error.causes(), "delivery.uncopied");
                Admission::Now
            }
        }
    }

    /// Sends a copy that waits for its turn, longer than it has waited before. If the queue refuses it, the delivery is
    /// admitted: it must not be lost.
    async fn defer(&self, message: &DeliveryMessage, until: Timestamp, now: Timestamp) -> Admission {
        let copy = message.for_turn(until.since(now));
        let until = now + copy.wait.duration();
        if let Err(error) = self.queue.send(&[copy]).await {
            tracing::warn!(error = %error, cause = error.causes(), "rate_limit.unavailable");
            return Admission::Now;
        }
        tracing::info!(
            account_id = %message.account_id,
            delivery_id = %message.delivery_id,
            destination_id = %message.destination_id,
            conversation_id = message.conversation_id.as_ref().map(tracing::field::display),
            event = message.event.as_ref(),
            until = %until,
            "delivery.deferred"
        );
        Admission::Deferred
    }
}

#[cfg(test)]
mod tests;
