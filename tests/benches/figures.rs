//! Times as people read them.

use std::time::Duration;

/// Times in milliseconds, the shortest first.
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn of(times: &[Duration]) -> Self {
        let mut sorted: Vec<_> = times.iter().copied().map(milliseconds).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self(sorted)
    }

    /// So many percent took this long at the most.
    pub(crate) fn percent(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
