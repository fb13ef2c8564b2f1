//! How long failed deliveries to a destination are retried.

use serde::{Deserialize, Serialize};

/// How long failed deliveries to a destination are retried. The schedule is in `delivery::schedule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Four attempts, ten seconds apart.
    #[default]
    Standard,
    /// Seven further attempts after these, the last about two days later.
    Extended,
}

impl Retry {
    /// Whether it is the standard, which rows and messages do not mention.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}
