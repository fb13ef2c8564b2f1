//! A lifecycle event: what a conversation's end is called, what of it is fixed, and the message that announces it.

pub mod kind;
pub mod lifecycle_event;
pub mod message;
pub mod store;
