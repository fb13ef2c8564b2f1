//! A circuit breaker: a destination that is not responding is tried less often, so that it does not occupy the workers
//! of the others.
//!
//! Each attempt at such a destination holds a worker for ten seconds. So a process that has seen it time out repeatedly
//! lets only [`HALF_OPEN_PROBES`] new deliveries through in a [`window`](crate::shared::rate), counted over all
//! processes whose circuit is open; [`RateLimiter`](crate::delivery::rate_limiter::RateLimiter) defers the rest.
//! Retries are made when due. Processes do not share what they have seen, so an answer costs no write. Each process
//! learns alone: three timeouts, which may be one batch, open its circuit; one a minute keeps it open.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::outcome::Reaction;
use crate::shared::ids::DestinationId;
use crate::shared::rate::RateLimit;
use crate::shared::timestamp::Timestamp;

/// New deliveries per window to a destination that is not responding, even if one batch has ten. With their retries they
/// hold at most eight workers.
pub const HALF_OPEN_PROBES: RateLimit = RateLimit::new(2).unwrap();

/// Consecutive timeouts, without an answer, that open the circuit: fewer can happen to any destination.
const OPEN_AFTER: u32 = 3;

/// How long the circuit stays open after a timeout. Then the next request closes it or opens it again.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// A destination without a timeout for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// The recent timeouts that one process has seen, by destination.
#[derive(Default)]
pub struct CircuitBreaker(Mutex<HashMap<DestinationId, Timeouts>>);

struct Timeouts {
    consecutive: u32,
    last: Timestamp,
}

impl CircuitBreaker {
    fn timeouts(&self) -> MutexGuard<'_, HashMap<DestinationId, Timeouts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the reactions to a batch, whose requests were sent together. A timeout beside an answer from the same
    /// destination does not count: the answer shows that it still responds.
    pub fn record(&self, batch: &[(&DestinationId, Reaction)], now: Timestamp) {
        let mut timeouts = self.timeouts();
        let that = |wanted| batch.iter().filter(move |(_, reaction)| *reaction == wanted);
        let answered: HashSet<_> = that(Reaction::Answers).map(|(destination, _)| *destination).collect();
        timeouts.retain(|destination, seen| {
            !answered.contains(destination) && now.since(seen.last) < FORGET_AFTER
        });
        for (destination, _) in
            that(Reaction::Hangs).filter(|(destination, _)| !answered.contains(destination))
        {
            let seen =
                timeouts.entry((*destination).clone()).or_insert(Timeouts { consecutive: 0, last: now });
            seen.consecutive += 1;
            seen.last = now;
            if seen.consecutive == OPEN_AFTER {
                tracing::warn!(destination_id = %destination, "circuit_breaker.opened");
            }
        }
    }

    /// Whether new deliveries to the destination have to wait for their turn.
    pub fn is_open(&self, destination: &DestinationId, now: Timestamp) -> bool {
        let timeouts = self.timeouts();
        let seen = timeouts.get(destination);
        seen.is_some_and(|seen| seen.consecutive >= OPEN_AFTER && now.since(seen.last) < OPEN_FOR)
    }
}

#[cfg(test)]
mod tests;
