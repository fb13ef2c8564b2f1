//! The rules of webhook delivery: no AWS, no HTTP client, no clock.
//!
//! Start at [`deliver`], which is what Ringback is for; it reads as the way of one delivery. [`completion`] is how an
//! event comes to be and [`callback`] how a provider's word gets there, [`fan_out`] how it becomes deliveries,
//! [`ledger`] why their counts are exact, [`reconcile`] what becomes of dead letters. [`private`] is how secrets are
//! kept. [`ports`] lists what the rules need from the outside.

pub mod address;
pub mod api_key;
pub mod breaker;
pub mod callback;
pub mod change;
#[cfg(any(test, feature = "fakes"))]
pub mod checker;
pub mod completion;
mod conflict;
pub mod conversation;
pub mod deliver;
pub mod delivery;
pub mod delivery_log;
pub mod destination;
pub mod details;
pub mod event;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
pub mod fan_out;
pub mod forget;
#[cfg(test)]
mod fuzz;
pub mod ids;
pub mod invalid;
pub mod isolate;
pub mod json;
pub mod ledger;
pub mod messages;
pub mod outcome;
pub mod overdue;
pub mod pace;
pub mod payload;
pub mod ports;
pub mod private;
pub mod provider;
pub mod rate;
pub mod reconcile;
pub mod resend;
pub mod sealed;
pub mod set_clock;
pub mod signal;
pub mod signature;
pub mod status;
pub mod tally;
pub mod target_url;
pub mod timestamp;
pub mod trial;
pub mod update;
pub mod wire;
