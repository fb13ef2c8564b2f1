//! The rules of webhook delivery, without AWS, an HTTP client or a clock.
//!
//! The modules follow the pipeline: [`lifecycle`] creates an event, [`delivery`] turns it into deliveries and attempts,
//! and [`delivery_log`] reads them back. To see what Ringback does, start at [`delivery::deliver`]; to see why its
//! counts are exact, read [`delivery::ledger`].
//!
//! Each port is a trait beside the noun that it serves; `adapters` implements it for AWS, `testing` in memory. `Err`
//! always means that *our* infrastructure failed and the same call may be repeated. Whatever a destination does is an
//! [`Outcome`](delivery::outcome::Outcome), and a caller's mistake is an [`Invalid`](shared::invalid::Invalid).

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
