//! Accounts and their credentials: API keys, portal links and sessions.

pub mod api_key;
pub mod portal_link;
pub mod purge;
mod secret;
pub mod session;
pub mod store;
