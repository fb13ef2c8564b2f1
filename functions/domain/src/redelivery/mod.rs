//! Deliveries that a customer requests: an event again, every event that a destination missed, or a test event.

pub mod candidates;
pub mod recover;
pub mod recovery;
pub mod request_recovery;
pub mod resend;
pub mod send_test;
