//! How an event gets to its destinations.
//!
//! [`fan_out`] makes deliveries of an event, [`deliver`] makes their attempts, [`reconcile`] looks after dead letters.
//! [`ledger`] is why the counts are exact. [`rate_limiter`] and [`circuit_breaker`] defer what a destination cannot
//! take yet; [`request`] is an attempt to the byte.

pub mod circuit_breaker;
pub mod context;
pub mod deliver;
pub mod fan_out;
pub mod history;
pub mod ledger;
pub mod message;
pub mod outcome;
pub mod rate_limiter;
pub mod received;
pub mod reconcile;
pub mod record;
pub mod request;
pub mod state;
pub mod trim;
