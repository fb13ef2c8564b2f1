//! Chance that falls the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below this one.
    pub(super) fn below(&self, limit: u64) -> u64 {
        let next = |state: u64| {
            // Knuth's, from MMIX.
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
        };
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| Some(next(state)));
        (next(before.unwrap_or_default()) >> 33) % limit
    }

    /// Yes, so many times of a hundred.
    pub(super) fn says(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
