//! account

pub mod api_key;
pub mod store;
