//! A worker's local clock, corrected by a clock that all workers share.
//!
//! Workers read leases that others wrote, so their clocks must agree. Lambda's deadline does not help: it is stated
//! inside the sandbox, by the sandbox's clock. The shared clock is the `Date` header of the tables' responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::shared::clock::Clock;
use crate::shared::timestamp::Timestamp;

/// `Date` counts whole seconds (RFC 9110, 5.6.7).
const RESOLUTION: Duration = Duration::from_secs(1);

/// A clock that is off by at most the header's resolution plus the duration of the last call.
pub struct SkewCorrectedClock {
    local: Arc<dyn Clock>,
    /// Correction of the local clock, in milliseconds.
    offset: AtomicI64,
}

impl SkewCorrectedClock {
    /// Starts without a correction.
    pub fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, offset: AtomicI64::new(0) }
    }

    /// Corrects the clock by the `date` of a response to a call that was sent at local time `sent`. The date was
    /// written between `sent` and now. A clock within these bounds is not changed, so a slow response is harmless.
    pub fn observe(&self, date: Timestamp, sent: Timestamp) {
        let least = millis(date) - millis(self.local_now());
        let most = millis(date + RESOLUTION) - millis(sent);
        // A local clock set back during the call gives no bounds.
        if least <= most {
            let offset = self.offset.load(Ordering::Relaxed).clamp(least, most);
            self.offset.store(offset, Ordering::Relaxed);
        }
    }
}

impl Clock for SkewCorrectedClock {
    fn now(&self) -> Timestamp {
        let now = millis(self.local_now()).saturating_add(self.offset.load(Ordering::Relaxed));
        Timestamp::from_millis(u64::try_from(now).unwrap_or(0))
    }

    fn local_now(&self) -> Timestamp {
        self.local.now()
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

    /// A worker's clock after one response, and its local clock.
    fn after_response(off: i64, sent: u64, written: u64, received: u64) -> (SkewCorrectedClock, ManualClock) {
        let local = ManualClock::new((TRUE + sent).saturating_add_signed(off));
        let clock = SkewCorrectedClock::new(Arc::new(local.clone()));
        let at = clock.local_now();
        local.advance(Duration::from_millis(received - sent));
        clock.observe(Timestamp::from_millis((TRUE + written) / 1000 * 1000), at);
        (clock, local)
    }

    #[test]
    fn a_clock_that_can_be_right_is_left_alone() {
        for (sent, written, received) in [(0, 0, 0), (999, 999, 999), (990, 1000, 1010), (0, 1900, 2000)] {
            let (clock, local) = after_response(0, sent, written, received);
            assert_eq!(clock.now(), local.now(), "{sent} {written} {received}");
        }
    }

    #[test]
    fn a_slow_answer_does_not_spoil_what_a_quick_one_said() {
        let (clock, _) = after_response(300_000, 500, 505, 510);
        let set = clock.now();
        let sent = Timestamp::from_millis(TRUE + 300_510 - 2000);
        clock.observe(Timestamp::from_millis(TRUE - 1000), sent);
        assert_eq!(clock.now(), set);
    }

    #[test]
    fn an_own_clock_that_is_turned_back_between_call_and_answer_says_nothing() {
        let local = ManualClock::new(TRUE);
        let clock = SkewCorrectedClock::new(Arc::new(local.clone()));
        clock.observe(Timestamp::from_millis(TRUE), Timestamp::from_millis(TRUE + 5000));
        assert_eq!(clock.now(), local.now());
    }

    proptest! {
        #[test]
        fn a_clock_is_off_by_no_more_than_the_second_and_the_way(
            off in -400_000i64..400_000, sent in 0u64..5000, there in 0u64..500, back in 0u64..500,
        ) {
            let (clock, _) = after_response(off, sent, sent + there, sent + there + back);
            let error = clock.now().as_millis().abs_diff(TRUE + sent + there + back);
            prop_assert!(error <= 1000 + there + back, "{error}");
        }
    }
}
