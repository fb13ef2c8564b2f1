//! A circuit breaker: a destination that hangs is tried less often, so that it does not hold the workers of all others.
//!
//! A delivery to it holds a worker for ten seconds in each of its attempts. So a worker's process that has seen it time
//! out again and again lets no more than [`HALF_OPEN_PROBES`] new deliveries through in a [`window`](crate::shared::rate), counted over all
//! processes that know of it; [`RateLimiter`](crate::delivery::rate_limiter::RateLimiter) puts off the rest. Retries come when they are due. What a
//! process knows is not shared, so a request with an answer costs nothing, and each process learns by itself: from three
//! timeouts, or a batch of them, and from as little as one a minute after that.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::outcome::OutcomeClass;
use crate::shared::ids::DestinationId;
use crate::shared::rate::RateLimit;
use crate::shared::timestamp::Timestamp;

/// New deliveries to a destination that hangs in a window. With their retries they hold twelve workers at the most.
pub const HALF_OPEN_PROBES: RateLimit = RateLimit::new(3).unwrap();

/// Timeouts in a row, and no answer, that open it: fewer can be anybody's.
const OPENED_BY: u32 = 3;

/// How long it is open after a timeout. Then the next request closes it, or opens it again.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// Who has not timed out for so long is forgotten.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// What a process has seen of destinations that time out.
#[derive(Default)]
pub struct CircuitBreaker(Mutex<HashMap<DestinationId, Timeouts>>);

struct Timeouts {
    in_a_row: u32,
    last: Timestamp,
}

impl CircuitBreaker {
    fn timeouts(&self) -> MutexGuard<'_, HashMap<DestinationId, Timeouts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests of a batch have ended. They were sent together: a timeout beside an answer, which came long before it,
    /// is no sign that nothing is answered any more.
    pub fn record(&self, batch: &[(&DestinationId, OutcomeClass)], now: Timestamp) {
        let mut timeouts = self.timeouts();
        let is_answer = |outcome| matches!(outcome, OutcomeClass::Success | OutcomeClass::HttpError);
        let answered: HashSet<_> = batch
            .iter()
            .filter(|(_, outcome)| is_answer(*outcome))
            .map(|(destination, _)| *destination)
            .collect();
        timeouts
            .retain(|destination, seen| !answered.contains(destination) && now.since(seen.last) < KNOWN_FOR);
        let timed_out = batch.iter().filter(|(_, outcome)| *outcome == OutcomeClass::Timeout);
        for (destination, _) in timed_out.filter(|(destination, _)| !answered.contains(destination)) {
            let seen = timeouts.entry((*destination).clone()).or_insert(Timeouts { in_a_row: 0, last: now });
            seen.in_a_row += 1;
            seen.last = now;
            if seen.in_a_row == OPENED_BY {
                tracing::warn!(destination_id = %destination, "circuit_breaker.opened");
            }
        }
    }

    /// Whether its new deliveries have to wait for their turn.
    pub fn is_open(&self, destination: &DestinationId, now: Timestamp) -> bool {
        let timeouts = self.timeouts();
        let seen = timeouts.get(destination);
        seen.is_some_and(|seen| seen.in_a_row >= OPENED_BY && now.since(seen.last) < OPEN_FOR)
    }
}

#[cfg(test)]
mod tests;
