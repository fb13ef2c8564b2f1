//! A worker's own clock, set right by the clock that all workers hear.
//!
//! Workers read leases that others wrote, so their clocks have to agree. Lambda's statement of a deadline is no help: it
//! is made inside the sandbox, of the sandbox's clock. What all workers hear is the `Date` of the tables' answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::shared::clock::Clock;
use crate::shared::timestamp::Timestamp;

/// `Date` counts whole seconds (RFC 9110, 5.6.7).
const RESOLUTION: Duration = Duration::from_secs(1);

/// Is off by no more than the answers' resolution and the time that the last of them took.
pub struct SkewCorrectedClock {
    own: Arc<dyn Clock>,
    /// What the own clock lacks, in milliseconds.
    behind: AtomicI64,
}

impl SkewCorrectedClock {
    /// Right as far as is known.
    pub fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, behind: AtomicI64::new(0) }
    }

    /// Hears an answer's date, to a call that was sent when the own clock said `sent`. The date was written between then
    /// and now. A clock that can be right by this is not touched, so a slow answer spoils nothing.
    pub fn observe(&self, date: Timestamp, sent: Timestamp) {
        let least = millis(date) - millis(self.own());
        let most = millis(date + RESOLUTION) - millis(sent);
        // An own clock that was turned back in between says nothing.
        if least <= most {
            let behind = self.behind.load(Ordering::Relaxed).clamp(least, most);
            self.behind.store(behind, Ordering::Relaxed);
        }
    }
}

impl Clock for SkewCorrectedClock {
    fn now(&self) -> Timestamp {
        let now = millis(self.own()).saturating_add(self.behind.load(Ordering::Relaxed));
        Timestamp::from_millis(u64::try_from(now).unwrap_or(0))
    }

    fn own(&self) -> Timestamp {
        self.own.now()
    }
}

fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::fakes::ManualClock;

    /// 2026-09-01T00:00:00Z, or any full second.
    const TRUE: u64 = 1_788_220_800_000;

    /// A worker's clock after it heard an answer, and its own.
    fn after_hearing(off: i64, sent: u64, written: u64, received: u64) -> (SkewCorrectedClock, ManualClock) {
        let own = ManualClock::new((TRUE + sent).saturating_add_signed(off));
        let clock = SkewCorrectedClock::new(Arc::new(own.clone()));
        let at = clock.own();
        own.advance(Duration::from_millis(received - sent));
        clock.observe(Timestamp::from_millis((TRUE + written) / 1000 * 1000), at);
        (clock, own)
    }

    #[test]
    fn a_clock_that_can_be_right_is_left_alone() {
        for (sent, written, received) in [(0, 0, 0), (999, 999, 999), (990, 1000, 1010), (0, 1900, 2000)] {
            let (clock, own) = after_hearing(0, sent, written, received);
            assert_eq!(clock.now(), own.now(), "{sent} {written} {received}");
        }
    }

    #[test]
    fn a_slow_answer_does_not_spoil_what_a_quick_one_said() {
        let (clock, _) = after_hearing(300_000, 500, 505, 510);
        let set = clock.now();
        let sent = Timestamp::from_millis(TRUE + 300_510 - 2000);
        clock.observe(Timestamp::from_millis(TRUE - 1000), sent);
        assert_eq!(clock.now(), set);
    }

    #[test]
    fn an_own_clock_that_is_turned_back_between_call_and_answer_says_nothing() {
        let own = ManualClock::new(TRUE);
        let clock = SkewCorrectedClock::new(Arc::new(own.clone()));
        clock.observe(Timestamp::from_millis(TRUE), Timestamp::from_millis(TRUE + 5000));
        assert_eq!(clock.now(), own.now());
    }

    proptest! {
        #[test]
        fn a_clock_is_off_by_no_more_than_the_second_and_the_way(
            off in -400_000i64..400_000, sent in 0u64..5000, there in 0u64..500, back in 0u64..500,
        ) {
            let (clock, _) = after_hearing(off, sent, sent + there, sent + there + back);
            let error = clock.now().as_millis().abs_diff(TRUE + sent + there + back);
            prop_assert!(error <= 1000 + there + back, "{error}");
        }
    }
}
