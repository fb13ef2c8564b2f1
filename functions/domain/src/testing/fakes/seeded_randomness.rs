//! Randomness from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::shared::randomness::Randomness;

/// The increment of `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A random number generator whose seed makes runs repeatable. Clones share one sequence.
#[derive(Debug, Clone, Default)]
pub struct SeededRandomness(Arc<AtomicU64>);

impl SeededRandomness {
    /// Creates a generator with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    fn next(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; 0 if `end` is 0.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Returns a number from 0 to 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        (self.next() >> 32) as f64 / f64::from(u32::MAX)
    }

    /// Returns true with this probability. A probability of 0 does not advance the sequence.
    #[must_use]
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.fraction() < probability
    }

    /// Returns a duration in this range of milliseconds, both ends included.
    #[must_use]
    pub fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from + 1))
    }

    /// Returns a duration up to `longest`, log-uniform over four orders of magnitude.
    #[must_use]
    pub fn log_uniform(&self, longest: Duration) -> Duration {
        Duration::from_secs_f64(longest.as_secs_f64() * 10f64.powf(-4.0 * self.fraction()))
    }

    /// Returns one of the items.
    #[must_use]
    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Shuffles the items.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        self.draw(items, items.len());
    }

    /// Draws items, which become the first ones.
    pub fn draw<T>(&self, items: &mut [T], count: usize) {
        for next in 0..count.min(items.len()) {
            items.swap(next, next + self.below(items.len() - next));
        }
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill_with(|| self.next() as u8);
    }
}
