//! Failures of our own infrastructure, and the result of a conditional write.

/// Our infrastructure failed: a table, a queue, the network between. The cause is for our log, not for callers.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct Unavailable {
    operation: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Unavailable {
    /// Says what was being done and why it failed.
    pub fn new(operation: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { operation, cause: cause.into() }
    }

    /// Why it failed, from the nearest cause to the last.
    #[must_use]
    pub fn causes(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}

/// What a port's call comes to.
pub type Result<T, E = Unavailable> = std::result::Result<T, E>;

/// What a write on a condition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is stored.
    Yes,
    /// Someone else wrote in between: read again.
    Conflict,
    /// It is larger than a table item can be, even compressed.
    TooLarge,
}
