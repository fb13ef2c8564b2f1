//! Destinations: the endpoints that an account's events are sent to.
//!
//! [`target_url`] parses a destination's URL and [`egress`] says which addresses are allowed. [`secrets`] are encrypted
//! at rest; [`signature`] signs with them. [`health`] says how its deliveries fare.

pub mod agents;
pub mod egress;
pub mod headers;
pub mod health;
pub mod record;
pub mod retry;
pub mod secrets;
pub mod signature;
pub mod store;
pub mod target_url;
mod visible;
