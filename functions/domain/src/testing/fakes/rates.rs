//! Rate counters in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::shared::rate::{RateCounter, RateKey, Window};
use crate::shared::unavailable::{Result, Unavailable};

#[derive(Default)]
struct State {
    counts: HashMap<(String, Window), u64>,
    fails: bool,
}

/// Counters for any key.
#[derive(Clone, Default)]
pub struct MemoryRates(Arc<Mutex<State>>);

impl MemoryRates {
    /// Returns the sum of all counters.
    #[must_use]
    pub fn counted(&self) -> u64 {
        lock(&self.0).counts.values().sum()
    }

    /// Makes the next count fail.
    pub fn fail_next(&self) {
        lock(&self.0).fails = true;
    }
}

impl RateCounter for MemoryRates {
    async fn increment(&self, what: RateKey<'_>, window: Window) -> Result<u64> {
        let mut state = lock(&self.0);
        if std::mem::take(&mut state.fails) {
            return Err(Unavailable::new("count", "simulated failure"));
        }
        let count = state.counts.entry((format!("{what:?}"), window)).or_default();
        *count += 1;
        Ok(*count)
    }
}
