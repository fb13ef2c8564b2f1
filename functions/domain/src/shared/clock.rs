//! The port to the current time.

use crate::shared::timestamp::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The machine's uncorrected time, for comparison with other times by the machine's clock.
    fn local_now(&self) -> Timestamp {
        self.now()
    }
}
