//! How deliveries are read back: search, cursors and statistics.

pub mod cursor;
pub mod search;
pub mod stats;
