//! Reading deliveries back: search, cursors and statistics.

pub mod cursor;
pub mod search;
pub mod stats;
