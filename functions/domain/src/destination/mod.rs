//! destination

pub mod egress;
pub mod headers;
pub mod record;
pub mod secrets;
pub mod signature;
pub mod store;
pub mod target_url;
