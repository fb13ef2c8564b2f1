//! delivery

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
