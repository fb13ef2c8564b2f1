//! How long a message waits in a queue when it is sent again.
//!
//! Lambda's own detection of loops is off for Dispatch, so nothing slows a loop of such messages but their waits: each is
//! longer than the one before, up to the longest that a queue allows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest wait: SQS delays a message by 15 minutes at most.
const MAX: Wait = Wait(15 * 60);

/// The longest wait of a message that is not late: the alarm `DeliveriesDelayed` goes off at 15 minutes.
const HOP: Wait = Wait(14 * 60);

/// The waits after failures of our own infrastructure.
const AFTER_FAILURE: [Wait; 4] = [Wait(10), Wait(30), Wait(2 * 60), MAX];

/// By how much a wait for a turn is longer than the one before, in seconds.
const STEP: u16 = 10;

/// How long a message waits before it can be received, in seconds. The next wait is longer than this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wait(u16);

impl Wait {
    /// A message that is sent for the first time does not wait.
    pub const NONE: Self = Self(0);

    /// Whether the message does not wait.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// How long a message waits at first if its sender writes to a table right after sending it: long enough for the write
    /// to be there.
    pub const FOR_WRITE: Self = Self(2);

    /// The wait as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// The wait of a message that is due in `span`: it may come back before and wait on.
    #[must_use]
    pub fn until_due(span: Duration) -> Self {
        Self::NONE.for_turn(span).min(HOP)
    }

    /// The next wait, after a failure of our own infrastructure.
    #[must_use]
    pub fn after_failure(self) -> Self {
        AFTER_FAILURE.into_iter().find(|wait| *wait > self).unwrap_or(MAX)
    }

    /// The next wait, for a turn that comes in `span`.
    #[must_use]
    pub fn for_turn(self, span: Duration) -> Self {
        let span = u16::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u16::MAX);
        let longer = if self.is_none() { 0 } else { self.0.saturating_add(STEP) };
        Self(span.max(longer)).min(MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(next: impl Fn(Wait) -> Wait) -> Vec<u64> {
        let waits = std::iter::successors(Some(next(Wait::NONE)), |wait| Some(next(*wait)));
        waits.take(6).map(|wait| wait.duration().as_secs()).collect()
    }

    #[test]
    fn each_wait_is_longer_than_the_one_before_up_to_fifteen_minutes() {
        assert_eq!(waits(Wait::after_failure), [10, 30, 120, 900, 900, 900]);
        assert_eq!(waits(|wait| wait.for_turn(Duration::from_millis(3_001))), [4, 14, 24, 34, 44, 54]);
        assert_eq!(waits(|wait| wait.for_turn(Duration::from_secs(885))), [885, 895, 900, 900, 900, 900]);
        assert_eq!(waits(|wait| wait.for_turn(Duration::from_secs(100_000)))[0], 900);
    }
}
