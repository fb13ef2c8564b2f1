//! How an event comes to be.
//!
//! [`complete`] ends a conversation, and everything else leads there: [`callback`] takes what a provider reports to its
//! conversation, and [`overdue`] ends what nobody reports. [`update`] changes a record before and after its end;
//! [`forget`] deletes it.

pub mod callback;
pub mod complete;
pub mod forget;
pub mod link;
pub mod overdue;
pub mod provider_callback;
pub mod update;
