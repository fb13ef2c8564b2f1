//! Accounts and their API keys.

pub mod api_key;
pub mod store;
