//! A destination: where an account's events go, and what it must not be.
//!
//! [`target_url`] parses its URL and [`egress`] says which addresses are allowed. [`secrets`] are encrypted at rest;
//! [`signature`] signs with them.

pub mod egress;
pub mod headers;
pub mod record;
pub mod secrets;
pub mod signature;
pub mod store;
pub mod target_url;
