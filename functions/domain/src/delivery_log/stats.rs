//! Counts attempts and their latency over time, for a chart.

use std::time::Duration;

use crate::delivery::record::DeliveryStatus;
use crate::delivery::state::Summary;
use crate::shared::timestamp::Timestamp;

/// At most this many deliveries are counted: the newest.
pub const MAX_COUNTED: usize = 10_000;

/// The attempts of an interval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Those that succeeded.
    pub succeeded: usize,
    /// Those that failed.
    pub failed: usize,
    /// Their latencies, sorted. Attempts that were stopped before connecting, or whose result is unknown, have none.
    latencies: Vec<Duration>,
}

impl Attempts {
    fn add(&mut self, Summary { state, latencies, .. }: &Summary) {
        let succeeded = usize::from(state.status == DeliveryStatus::Delivered);
        self.succeeded += succeeded;
        self.failed += usize::from(state.attempts).saturating_sub(succeeded);
        self.latencies.extend(latencies);
    }

    /// The latency that this share of the attempts, in percent, did not exceed, by the nearest rank; `None` without any.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).copied()
    }
}

/// The attempts of a stretch of time, and of each of its intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// All of them.
    pub all: Attempts,
    /// The start of each interval, and the attempts in it.
    pub buckets: Vec<(Timestamp, Attempts)>,
}

/// Counts the attempts of deliveries in `buckets` equal intervals. A delivery's attempts count in the interval in which
/// it was created, which is where the log lists it.
#[must_use]
pub fn attempts_over_time(deliveries: &[Summary], from: Timestamp, to: Timestamp, buckets: usize) -> Stats {
    let (first, span) = (from.as_millis(), to.as_millis().saturating_sub(from.as_millis()).max(1));
    let count = buckets.max(1) as u64;
    let start = |number: u64| Timestamp::from_millis(first + span * number / count);
    let mut buckets: Vec<_> = (0..count).map(|number| (start(number), Attempts::default())).collect();
    let mut all = Attempts::default();
    for summary in deliveries {
        let Some(after) = summary.delivery.created_at.as_millis().checked_sub(first) else { continue };
        let Some((_, bucket)) = usize::try_from(after * count / span).ok().and_then(|at| buckets.get_mut(at))
        else {
            continue;
        };
        bucket.add(summary);
        all.add(summary);
    }
    for attempts in buckets.iter_mut().map(|(_, attempts)| attempts).chain([&mut all]) {
        attempts.latencies.sort_unstable();
    }
    Stats { all, buckets }
}

#[cfg(test)]
mod tests;
