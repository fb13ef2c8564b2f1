//! The places that an end is reported from. A flow reads and checks what comes in.
//!
//! The platform's own ([`hangup`], [`outbound_call`], [`event_bridge`]) state a record as [`stated::Stated`] and end it by
//! [`end`]. Providers' callbacks ([`twilio`], [`daily`]) become [`ProviderCallback`](domain::lifecycle::provider_callback::ProviderCallback)s.

pub(crate) mod daily;
pub(crate) mod end;
pub(crate) mod event_bridge;
#[cfg(test)]
mod fuzz;
pub(crate) mod hangup;
pub(crate) mod outbound_call;
pub(crate) mod provider;
mod stated;
pub(crate) mod twilio;
mod unreadable;
