//! delivery_log

pub mod cursor;
pub mod search;
pub mod stats;
