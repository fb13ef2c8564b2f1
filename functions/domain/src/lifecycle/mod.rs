//! lifecycle

pub mod callback;
pub mod complete;
pub mod forget;
pub mod link;
pub mod overdue;
pub mod provider_callback;
pub mod update;
