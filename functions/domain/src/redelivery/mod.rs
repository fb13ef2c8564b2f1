//! redelivery

pub mod resend;
pub mod send_test;
