//! What requests share: the key, and what tests set and count.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use adapters::vault::cipher::Key;

pub(super) struct State {
    pub(super) key: Key,
    /// Every request is refused, as if KMS were broken.
    pub(super) out_of_order: AtomicBool,
    /// Requests so far, refused ones included.
    pub(super) calls: AtomicUsize,
}
