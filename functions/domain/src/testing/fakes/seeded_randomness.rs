//! Chance that comes from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What `SplitMix64` adds at each roll: <https://prng.di.unimi.it/splitmix64.c>
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Chance that comes from a seed, and so falls the same again. Clones throw the same dice.
#[derive(Debug, Clone, Default)]
pub struct SeededRandomness(Arc<AtomicU64>);

impl SeededRandomness {
    /// Of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    fn roll(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any number below that one; 0 if there is none.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    /// From 0 to 1.
    #[must_use]
    pub fn part(&self) -> f64 {
        (self.roll() >> 32) as f64 / f64::from(u32::MAX)
    }

    /// Yes, this often. Nothing is thrown for what never happens.
    #[must_use]
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.part() < probability
    }

    /// From so many milliseconds to so many.
    #[must_use]
    pub fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll() % (to - from + 1))
    }

    /// Of every order of magnitude alike.
    #[must_use]
    pub fn any_scale(&self, longest: Duration) -> Duration {
        Duration::from_secs_f64(longest.as_secs_f64() * 10f64.powf(-4.0 * self.part()))
    }

    /// One of them.
    #[must_use]
    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Into any order.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
