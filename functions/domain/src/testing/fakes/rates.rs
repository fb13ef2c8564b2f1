//! Counters in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::shared::rate::RateCounter;
use crate::shared::rate::{RateKey, Window};
use crate::shared::unavailable::{Result, Unavailable};

#[derive(Default)]
struct State {
    counts: HashMap<(String, Window), u64>,
    fails: bool,
}

/// Counters of anything.
#[derive(Clone, Default)]
pub struct MemoryRates(Arc<Mutex<State>>);

impl MemoryRates {
    /// How often anything was counted.
    #[must_use]
    pub fn counted(&self) -> u64 {
        lock(&self.0).counts.values().sum()
    }

    /// The next count fails.
    pub fn fail_next(&self) {
        lock(&self.0).fails = true;
    }
}

impl RateCounter for MemoryRates {
    async fn increment(&self, what: RateKey<'_>, window: Window) -> Result<u64> {
        let mut state = lock(&self.0);
        if std::mem::take(&mut state.fails) {
            return Err(Unavailable::new("count", "told to fail"));
        }
        let count = state.counts.entry((format!("{what:?}"), window)).or_default();
        *count += 1;
        Ok(*count)
    }
}
