//! Counts attempts over time, for a chart.

use crate::delivery::record::DeliveryStatus;
use crate::delivery::state::Summary;
use crate::shared::timestamp::Timestamp;

/// At most this many deliveries are counted: the newest.
pub const MAX_COUNTED: usize = 10_000;

/// The attempts of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The start of the interval.
    pub start: Timestamp,
    /// Attempts that succeeded.
    pub succeeded: usize,
    /// Attempts that failed.
    pub failed: usize,
}

/// Counts the attempts of deliveries in `buckets` equal intervals. A delivery's attempts count in the interval in which
/// it was created, which is where the log lists it.
#[must_use]
pub fn attempts_over_time(
    deliveries: &[Summary],
    from: Timestamp,
    to: Timestamp,
    buckets: usize,
) -> Vec<Bucket> {
    let (first, span) = (from.as_millis(), to.as_millis().saturating_sub(from.as_millis()).max(1));
    let count = buckets.max(1) as u64;
    let start = |number: u64| Timestamp::from_millis(first + span * number / count);
    let mut attempts_over_time: Vec<_> =
        (0..count).map(|number| Bucket { start: start(number), succeeded: 0, failed: 0 }).collect();
    for Summary { delivery, state, .. } in deliveries {
        let Some(after) = delivery.created_at.as_millis().checked_sub(first) else { continue };
        let Some(bucket) =
            usize::try_from(after * count / span).ok().and_then(|at| attempts_over_time.get_mut(at))
        else {
            continue;
        };
        let succeeded = usize::from(state.status == DeliveryStatus::Delivered);
        bucket.succeeded += succeeded;
        bucket.failed += usize::from(state.attempts).saturating_sub(succeeded);
    }
    attempts_over_time
}

#[cfg(test)]
mod tests;
