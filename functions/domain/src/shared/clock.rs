//! The port to the current time.

use crate::shared::timestamp::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The machine's uncorrected time, to compare with other times of the same clock.
    fn local_now(&self) -> Timestamp {
        self.now()
    }
}
