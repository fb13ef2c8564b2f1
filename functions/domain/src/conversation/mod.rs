//! A conversation: its record, the fields that the payload contains, and its references at providers.

pub mod ended;
pub mod fields;
pub mod metadata;
pub mod patch;
pub mod payload;
pub mod provider;
pub mod provider_secret;
pub mod record;
mod shown;
pub mod status;
pub mod store;
pub mod value;
