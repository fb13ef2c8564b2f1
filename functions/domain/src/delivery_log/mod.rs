//! Reading deliveries back: search, events, cursors and statistics.

pub mod cursor;
pub mod events;
pub mod position;
pub mod search;
pub mod stats;
