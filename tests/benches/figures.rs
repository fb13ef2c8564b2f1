//! Percentiles of measured times.

use std::time::Duration;

/// Times in milliseconds, in ascending order.
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn of(times: &[Duration]) -> Self {
        let mut sorted: Vec<_> = times.iter().copied().map(milliseconds).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self(sorted)
    }

    /// The time that this percentage of the measurements took at most.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
