//! event

pub mod kind;
pub mod lifecycle_event;
pub mod message;
pub mod store;
