//! A circuit breaker: a destination that hangs is tried less often, so that it does not hold the workers of all others.
//!
//! A delivery to it holds a worker for ten seconds in each of its attempts. So a worker's process that has seen it time
//! out again and again sends it no more than [`TRIALS`] new deliveries in a [`window`](crate::rate), counted over all
//! processes; [`Pace`](crate::pace::Pace) puts off the rest. Retries come when they are due. What the processes know is
//! not shared: that costs a request with an answer nothing, and each process three of those without.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::DestinationId;
use crate::outcome::OutcomeClass;
use crate::rate::RateLimit;
use crate::timestamp::Timestamp;

/// New deliveries that a destination that hangs is sent in a window. With their retries they hold twelve workers.
pub const TRIALS: RateLimit = RateLimit::new(3).unwrap();

/// Timeouts in a row that open it: one can be anybody's.
const OPENED_BY: u32 = 3;

/// How long it is open after a timeout. Then the next request closes it, or opens it again.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// Who was not tried for so long is forgotten.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// What a process has seen of destinations that hang.
#[derive(Default)]
pub struct Breaker(Mutex<HashMap<DestinationId, Hanging>>);

struct Hanging {
    /// In a row
    timeouts: u32,
    last: Timestamp,
}

impl Breaker {
    fn hanging(&self) -> MutexGuard<'_, HashMap<DestinationId, Hanging>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request to it has ended.
    pub fn saw(&self, destination: &DestinationId, outcome: OutcomeClass, now: Timestamp) {
        let mut hanging = self.hanging();
        if outcome != OutcomeClass::Timeout {
            hanging.remove(destination);
            return;
        }
        hanging.retain(|_, seen| now.since(seen.last) < KNOWN_FOR);
        let seen = hanging.entry(destination.clone()).or_insert(Hanging { timeouts: 0, last: now });
        seen.timeouts += 1;
        seen.last = now;
        if seen.timeouts == OPENED_BY {
            tracing::warn!(destination_id = %destination, "destination.hangs");
        }
    }

    /// Whether its new deliveries have to wait for their turn.
    pub fn is_open(&self, destination: &DestinationId, now: Timestamp) -> bool {
        let hanging = self.hanging();
        let seen = hanging.get(destination);
        seen.is_some_and(|seen| seen.timeouts >= OPENED_BY && now.since(seen.last) < OPEN_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::Lines;

    const NOW: Timestamp = Timestamp::from_millis(1_788_256_800_000);

    fn id(text: &str) -> DestinationId {
        DestinationId::parse(text).unwrap()
    }

    fn after_timeouts(count: u32) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..count {
            breaker.saw(&id("dst_1"), OutcomeClass::Timeout, NOW);
        }
        breaker
    }

    #[test]
    fn the_third_timeout_in_a_row_opens_it_for_its_destination() {
        assert!(!after_timeouts(2).is_open(&id("dst_1"), NOW));
        let breaker = after_timeouts(3);
        assert!(breaker.is_open(&id("dst_1"), NOW));
        assert!(!breaker.is_open(&id("dst_2"), NOW));
    }

    #[test]
    fn the_log_says_once_that_it_opens() {
        let lines = Lines::captured();
        after_timeouts(OPENED_BY - 1);
        assert!(lines.of("destination.hangs").is_empty());
        after_timeouts(OPENED_BY + 1);
        assert_eq!(lines.of("destination.hangs"), [" destination_id=dst_1"]);
    }

    #[test]
    fn whatever_ends_sooner_closes_it() {
        for outcome in OutcomeClass::ALL.into_iter().filter(|outcome| *outcome != OutcomeClass::Timeout) {
            let breaker = after_timeouts(OPENED_BY);
            breaker.saw(&id("dst_1"), outcome, NOW);
            assert!(!breaker.is_open(&id("dst_1"), NOW), "{outcome:?}");
            breaker.saw(&id("dst_1"), OutcomeClass::Timeout, NOW);
            assert!(!breaker.is_open(&id("dst_1"), NOW), "{outcome:?}, and one timeout");
        }
    }

    #[test]
    fn after_a_minute_one_more_timeout_opens_it_again() {
        let breaker = after_timeouts(OPENED_BY);
        let later = NOW + OPEN_FOR;
        assert!(breaker.is_open(&id("dst_1"), NOW + (OPEN_FOR - Duration::from_millis(1))));
        assert!(!breaker.is_open(&id("dst_1"), later));
        breaker.saw(&id("dst_1"), OutcomeClass::Timeout, later);
        assert!(breaker.is_open(&id("dst_1"), later));
    }

    #[test]
    fn who_was_not_tried_for_long_is_forgotten() {
        let breaker = after_timeouts(OPENED_BY);
        let later = NOW + KNOWN_FOR;
        breaker.saw(&id("dst_2"), OutcomeClass::Timeout, later);
        breaker.saw(&id("dst_1"), OutcomeClass::Timeout, later);
        assert!(!breaker.is_open(&id("dst_1"), later));
        assert_eq!(breaker.hanging().len(), 2);
    }
}
