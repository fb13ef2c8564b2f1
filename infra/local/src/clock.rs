//! The local stack's clock: the machine's, or a manual one that a test advances.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// Tells the time in epoch milliseconds and waits for a given time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Receiver<u64>),
}

/// Advances the manual [`Clock`] that it was created with, which otherwise stands still.
#[derive(Debug)]
pub struct ClockControl(watch::Sender<u64>);

impl Clock {
    /// The machine's wall clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Creates a clock that stands at `start_ms` (epoch milliseconds) until its control advances it.
    #[must_use]
    pub fn manual(start_ms: u64) -> (Self, ClockControl) {
        let (sender, receiver) = watch::channel(start_ms);
        (Self(Source::Manual(receiver)), ClockControl(sender))
    }

    /// Whether this is the machine's clock.
    #[must_use]
    pub const fn is_system(&self) -> bool {
        matches!(self.0, Source::System)
    }

    /// The time in epoch milliseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the local stack")]
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Returns once this clock shows `at_ms` or later; at once if it already does.
    pub async fn wait_until(&self, at_ms: u64) {
        match &self.0 {
            Source::System => {
                // A sleep counts monotonic time, and the wall clock may be set meanwhile: check again.
                while let Some(left) = at_ms.checked_sub(self.now_ms()).filter(|left| *left > 0) {
                    tokio::time::sleep(Duration::from_millis(left)).await;
                }
            }
            Source::Manual(now) => {
                if now.clone().wait_for(|now| *now >= at_ms).await.is_err() {
                    // The control is gone, so this clock stands still for ever.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl domain::shared::clock::Clock for Clock {
    fn now(&self) -> domain::shared::timestamp::Timestamp {
        domain::shared::timestamp::Timestamp::from_millis(self.now_ms())
    }
}

impl ClockControl {
    /// Moves the clock forward and wakes every wait whose time has come.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.send_modify(|now| *now = now.saturating_add(by));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_its_hand_moves_it() {
        let (clock, control) = Clock::manual(1_000);
        assert_eq!(clock.now_ms(), 1_000);
        control.advance(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 3_000);
    }

    #[test]
    fn a_wait_ends_when_the_hand_passes_its_end() {
        let (clock, control) = Clock::manual(0);
        let mut wait = Box::pin(clock.wait_until(500));
        assert!(wait.as_mut().now_or_never().is_none());
        control.advance(Duration::from_millis(499));
        assert!(wait.as_mut().now_or_never().is_none());
        control.advance(Duration::from_millis(1));
        assert!(wait.as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_wait_for_the_past_is_over_at_once() {
        assert!(Clock::manual(10).0.wait_until(9).now_or_never().is_some());
        assert!(Clock::system().wait_until(0).now_or_never().is_some());
    }
}
