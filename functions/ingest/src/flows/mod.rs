//! The completion flows: each parses and checks one source's report that a conversation ended.
//!
//! The platform's own flows ([`hangup`], [`outbound_call`], [`event_bridge`]) parse a record as [`stated::Stated`] and
//! end its conversation through [`end`]. Callbacks of providers ([`twilio`], [`daily`]) become
//! [`ProviderCallback`](domain::lifecycle::provider_callback::ProviderCallback)s.

#[cfg(test)]
mod corpus;
pub(crate) mod daily;
pub(crate) mod end;
pub(crate) mod event_bridge;
#[cfg(test)]
mod fuzz;
pub(crate) mod hangup;
pub(crate) mod outbound_call;
pub(crate) mod provider;
mod provider_json;
mod stated;
pub(crate) mod twilio;
