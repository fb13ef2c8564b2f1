//! HTTP between API Gateway and the functions.

pub mod problem;
pub mod recovery;
pub mod reply;
pub mod request;
