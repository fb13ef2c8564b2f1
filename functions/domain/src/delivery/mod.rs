//! How an event reaches its destinations.
//!
//! [`fan_out`] turns an event into deliveries, [`deliver`] makes their attempts, [`reconcile`] handles dead letters.
//! [`monitor`] keeps what their ends say about each destination. [`ledger`] keeps the counts exact; [`schedule`] says when a failed delivery is attempted again. [`rate_limiter`] and
//! [`circuit_breaker`] defer deliveries that a destination cannot take yet; [`request`] builds an attempt's HTTP request to
//! the byte.

pub mod circuit_breaker;
pub mod context;
pub mod deliver;
pub mod fan_out;
pub mod history;
pub mod included;
pub mod ledger;
pub mod message;
pub mod monitor;
pub mod outcome;
pub mod rate_limiter;
pub mod received;
pub mod reconcile;
pub mod record;
pub mod request;
pub mod schedule;
pub mod state;
pub mod trim;
