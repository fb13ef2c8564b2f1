//! What requests share: the key, and what tests set and count.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use adapters::vault::cipher::Key;

pub(super) struct State {
    pub(super) key: Key,
    /// Whether every request fails, as in an outage.
    pub(super) unavailable: AtomicBool,
    /// The number of requests so far, including refused ones.
    pub(super) calls: AtomicUsize,
}
