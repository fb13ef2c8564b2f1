//! Rate limits, counted in windows of ten seconds.
//!
//! All processes add to the same counter of a window, so a limit holds for all of them together.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// Length of a window: long enough for a burst, short enough to wait for the next.
pub const WINDOW: Duration = Duration::from_secs(10);

const WINDOW_MILLIS: u64 = 10_000;

/// The most that is allowed in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(NonZeroU64);

/// One of the consecutive windows that time is divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u64);

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateKey<'a> {
    /// An account's requests to the API.
    Requests(&'a AccountId),
    /// Deliveries to a destination.
    Deliveries(&'a AccountId, &'a DestinationId),
    /// New deliveries to a destination that is not responding.
    Probes(&'a AccountId, &'a DestinationId),
}

impl RateLimit {
    /// `None` for 0: no limit.
    #[must_use]
    pub const fn new(per_window: u64) -> Option<Self> {
        match NonZeroU64::new(per_window) {
            Some(per_window) => Some(Self(per_window)),
            None => None,
        }
    }

    /// The uses allowed in a window.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Whether a window's `count`th use (from 1) exceeds the limit.
    #[must_use]
    pub fn is_exceeded_by(self, count: u64) -> bool {
        count > self.0.get()
    }

    /// When a window's `count`th use may go, after all before it.
    #[must_use]
    pub fn slot_for(self, count: u64, window: Window) -> Timestamp {
        let (windows, rest) = ((count - 1) / self.0, (count - 1) % self.0);
        let start = window.0.saturating_add(windows).saturating_mul(WINDOW_MILLIS);
        // Spread over the window, so that they don't all go at its start.
        Timestamp::from_millis(start) + Duration::from_millis(rest.saturating_mul(WINDOW_MILLIS) / self.0)
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Window {
    /// The window that contains a moment.
    #[must_use]
    pub const fn at(moment: Timestamp) -> Self {
        Self(moment.as_millis() / WINDOW_MILLIS)
    }

    /// When the next window starts.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        Timestamp::from_millis((self.0 + 1) * WINDOW_MILLIS)
    }

    /// Whether `next` is the window that follows.
    #[must_use]
    pub fn is_just_before(self, next: Self) -> bool {
        self.0 + 1 == next.0
    }

    /// Its number, counted from the epoch.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Counts uses across all processes.
pub trait RateCounter: Send + Sync {
    /// Counts some uses and returns all uses in this window so far. May count them twice, but misses none.
    fn add(&self, key: RateKey<'_>, window: Window, uses: u64) -> impl Future<Output = Result<u64>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_788_256_807_000);

    #[test]
    fn no_limit_is_none() {
        assert_eq!(RateLimit::new(0), None);
        assert_eq!(RateLimit::new(3).unwrap().to_string(), "3");
    }

    #[test]
    fn a_window_ends_ten_seconds_after_it_began() {
        let window = Window::at(AT);
        assert_eq!(window.end(), AT + Duration::from_secs(3));
        assert_eq!(Window::at(window.end()).number(), window.number() + 1);
    }

    #[test]
    fn the_limit_is_the_last_that_may_pass() {
        let limit = RateLimit::new(3).unwrap();
        assert!([1, 2, 3].iter().all(|count| !limit.is_exceeded_by(*count)));
        assert!(limit.is_exceeded_by(4));
    }

    #[test]
    fn those_who_wait_are_spread_over_the_windows_to_come() {
        let (limit, window) = (RateLimit::new(4).unwrap(), Window::at(AT));
        for (count, after_the_end) in [(5, 0), (6, 2500), (8, 7500), (9, 10_000), (17, 30_000)] {
            let slot = window.end() + Duration::from_millis(after_the_end);
            assert_eq!(limit.slot_for(count, window), slot, "{count}");
        }
    }
}
