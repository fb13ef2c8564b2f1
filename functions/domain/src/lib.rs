//! The rules of webhook delivery: no AWS, no HTTP client, no clock of their own.
//!
//! The modules stand in the order of the pipeline. An event comes to be in [`lifecycle`], becomes deliveries and
//! attempts in [`delivery`], and is read back in [`delivery_log`]. To see what Ringback is for, start at
//! [`delivery::deliver`]; to see why its counts are exact, read [`delivery::ledger`].
//!
//! Each port, a trait that `adapters` implements for AWS and [`testing`] in memory, stands beside the noun it is
//! about. `Err` always means that *our* infrastructure failed and the same call may be tried again. What a destination
//! does is an [`Outcome`](delivery::outcome::Outcome), and a caller's mistake is an [`Invalid`](shared::invalid::Invalid).

// The nouns.
pub mod account;
pub mod conversation;
pub mod destination;
pub mod event;
pub mod shared;

// The pipeline.
pub mod delivery;
pub mod delivery_log;
pub mod lifecycle;
pub mod redelivery;

#[cfg(any(test, feature = "fakes"))]
pub mod testing;
