//! The time of day.

use crate::shared::timestamp::Timestamp;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// What the machine itself takes for now: what was stated by its clock is measured by it.
    fn own(&self) -> Timestamp {
        self.now()
    }
}
