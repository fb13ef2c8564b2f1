//! Chance that comes from a seed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

/// `SplitMix64`, shared by everything of one world.
#[derive(Clone)]
pub(crate) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    fn roll(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any number below that one, which is not 0.
    pub(crate) fn below(&self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }

    /// From 0 to 1.
    pub(crate) fn part(&self) -> f64 {
        f64::from(u32::try_from(self.roll() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    pub(crate) fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.part() < probability
    }

    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll() % (to - from + 1))
    }

    /// Of every order of magnitude alike.
    pub(crate) fn any_scale(&self, longest: Duration) -> Duration {
        Duration::from_secs_f64(longest.as_secs_f64() * 10f64.powf(-4.0 * self.part()))
    }

    pub(crate) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
