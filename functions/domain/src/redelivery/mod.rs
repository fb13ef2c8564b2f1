//! Deliveries that a customer requests: an event again, every event that a destination missed, or a test event.

pub mod resend;
pub mod send_test;
