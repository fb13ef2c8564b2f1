//! conversation

pub mod ended;
pub mod fields;
pub mod patch;
pub mod payload;
pub mod provider;
pub mod provider_secret;
pub mod record;
pub mod status;
pub mod store;
