//! Lifecycle events: their kinds, their fixed content, and the message that tells fan-out of them.

pub mod kind;
pub mod lifecycle_event;
pub mod message;
pub mod store;
