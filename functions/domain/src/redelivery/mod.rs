//! What a customer sends by hand: an event again, all that a destination missed, or a test event.

pub mod resend;
pub mod send_test;
