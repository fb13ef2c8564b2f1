//! A circuit breaker: a destination that hangs is tried less often, so that it does not hold the workers of all others.
//!
//! A delivery to it holds a worker for ten seconds in each of its attempts. So a worker's process that has seen it time
//! out again and again lets no more than [`TRIALS`] new deliveries through in a [`window`](crate::shared::rate), counted over all
//! processes that know of it; [`Pace`](crate::delivery::rate_limiter::Pace) puts off the rest. Retries come when they are due. What a
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
pub const TRIALS: RateLimit = RateLimit::new(3).unwrap();

/// Timeouts in a row, and no answer, that open it: fewer can be anybody's.
const OPENED_BY: u32 = 3;

/// How long it is open after a timeout. Then the next request closes it, or opens it again.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// Who has not timed out for so long is forgotten.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// What a process has seen of destinations that time out.
#[derive(Default)]
pub struct Breaker(Mutex<HashMap<DestinationId, Timeouts>>);

struct Timeouts {
    in_a_row: u32,
    last: Timestamp,
}

impl Breaker {
    fn timeouts(&self) -> MutexGuard<'_, HashMap<DestinationId, Timeouts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests of a batch have ended. They were sent together: a timeout beside an answer, which came long before it,
    /// is no sign that nothing is answered any more.
    pub fn saw(&self, batch: &[(&DestinationId, OutcomeClass)], now: Timestamp) {
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
                tracing::warn!(destination_id = %destination, "destination.hangs");
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
mod tests {
    use super::*;
    use crate::testing::fakes::Lines;

    const NOW: Timestamp = Timestamp::from_millis(1_788_256_800_000);

    fn id(text: &str) -> DestinationId {
        DestinationId::parse(text).unwrap()
    }

    fn see(breaker: &Breaker, outcomes: &[OutcomeClass], now: Timestamp) {
        let destination = id("dst_1");
        let batch: Vec<_> = outcomes.iter().map(|outcome| (&destination, *outcome)).collect();
        breaker.saw(&batch, now);
    }

    fn after_timeouts(count: u32) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..count {
            see(&breaker, &[OutcomeClass::Timeout], NOW);
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
    fn an_answer_closes_it_and_no_other_end_does() {
        for outcome in OutcomeClass::ALL {
            let breaker = after_timeouts(3);
            see(&breaker, &[outcome], NOW);
            let is_answer = matches!(outcome, OutcomeClass::Success | OutcomeClass::HttpError);
            assert_eq!(breaker.is_open(&id("dst_1"), NOW), !is_answer, "{outcome:?}");
            see(&breaker, &[OutcomeClass::Timeout; 2], NOW);
            assert_eq!(breaker.is_open(&id("dst_1"), NOW), !is_answer, "{outcome:?}, and two timeouts");
        }
    }

    #[test]
    fn timeouts_beside_an_answer_open_nothing_in_whatever_order_they_end() {
        let (answer, timeout) = (OutcomeClass::HttpError, OutcomeClass::Timeout);
        for batch in [[answer, timeout, timeout, timeout], [timeout, timeout, timeout, answer]] {
            let breaker = Breaker::default();
            see(&breaker, &batch, NOW);
            assert!(!breaker.is_open(&id("dst_1"), NOW));
        }
    }

    #[test]
    fn after_a_minute_one_more_timeout_opens_it_again() {
        let breaker = after_timeouts(OPENED_BY);
        let later = NOW + OPEN_FOR;
        assert!(breaker.is_open(&id("dst_1"), NOW + (OPEN_FOR - Duration::from_millis(1))));
        assert!(!breaker.is_open(&id("dst_1"), later));
        see(&breaker, &[OutcomeClass::Timeout], later);
        assert!(breaker.is_open(&id("dst_1"), later));
    }

    #[test]
    fn who_has_not_timed_out_for_long_is_forgotten() {
        let breaker = after_timeouts(OPENED_BY);
        let later = NOW + KNOWN_FOR;
        see(&breaker, &[], NOW + (KNOWN_FOR - Duration::from_millis(1)));
        assert_eq!(breaker.timeouts().len(), 1);
        see(&breaker, &[OutcomeClass::Timeout], later);
        assert!(!breaker.is_open(&id("dst_1"), later));
    }
}
