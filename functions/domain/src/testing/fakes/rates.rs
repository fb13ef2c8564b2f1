//! Rate counters in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::shared::rate::{RateCounter, RateKey, Window};
use crate::shared::unavailable::{Result, Unavailable};

#[derive(Default)]
struct State {
    counts: HashMap<(String, Window), u64>,
    writes: u64,
    fails: bool,
    /// Writes that the counters still take; `None` for any number.
    capacity: Option<u64>,
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

    /// Returns the number of writes.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.0).writes
    }

    /// Throttles every write after the next few.
    pub fn throttle_after(&self, writes: u64) {
        lock(&self.0).capacity = Some(writes);
    }

    /// Makes the next count fail.
    pub fn fail_next(&self) {
        lock(&self.0).fails = true;
    }
}

impl RateCounter for MemoryRates {
    async fn add(&self, key: RateKey<'_>, window: Window, uses: u64) -> Result<u64> {
        let mut state = lock(&self.0);
        if std::mem::take(&mut state.fails) || state.capacity == Some(0) {
            return Err(Unavailable::new("count", "simulated failure"));
        }
        state.capacity = state.capacity.map(|left| left - 1);
        let count = state.counts.entry((format!("{key:?}"), window)).or_default();
        *count += uses;
        let count = *count;
        state.writes += 1;
        Ok(count)
    }
}
