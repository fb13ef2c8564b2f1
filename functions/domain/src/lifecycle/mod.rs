//! The lifecycle of a conversation: progress, end and deletion.
//!
//! [`complete`] ends a conversation by a [`completion`]: [`callback`] calls it when a provider reports the end, [`overdue`]
//! when nobody does. [`freeze`] lets its event leave. [`update`] changes a record before and after its end; [`forget`]
//! deletes it.

pub mod callback;
pub mod complete;
pub mod completion;
pub mod forget;
pub mod freeze;
pub mod link;
pub mod overdue;
pub mod provider_callback;
pub mod update;
