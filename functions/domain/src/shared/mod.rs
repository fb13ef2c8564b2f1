//! The foundation: all other modules build on it, and it builds on none.

pub mod authenticated;
pub mod catch_panic;
pub mod clock;
pub(crate) mod conflict;
pub mod encryption;
pub mod ids;
pub mod invalid;
pub mod json;
pub mod randomness;
pub mod rate;
pub mod skew_corrected_clock;
pub mod timestamp;
pub mod token;
pub mod unavailable;
pub mod wait;
