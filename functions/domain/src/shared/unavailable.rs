//! Failures of our own infrastructure, and the result of a conditional write.

/// A failure of our infrastructure: a table, a queue, the network between. The cause is for our log, not for callers.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct Unavailable {
    operation: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Unavailable {
    /// Names the operation and the cause.
    pub fn new(operation: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { operation, cause: cause.into() }
    }

    /// The same failure, for another item that it affects: its causes as text.
    #[must_use]
    pub fn repeat(&self) -> Self {
        Self::new(self.operation, self.causes())
    }

    /// Its causes, from the nearest to the root.
    #[must_use]
    pub fn causes(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Logs it, with its causes.
    pub fn log(&self) {
        tracing::error!(operation = %self, cause = self.causes(), "unavailable");
    }
}

/// Leaves out of a list what this version cannot read, after a rollback for example, and logs it.
pub fn readable<T>(items: impl IntoIterator<Item = Result<T>>) -> Vec<T> {
    items.into_iter().filter_map(|item| item.inspect_err(Unavailable::log).ok()).collect()
}

/// The result of a port's call.
pub type Result<T, E = Unavailable> = std::result::Result<T, E>;

/// The result of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The record is stored.
    Yes,
    /// Another writer changed the record: read it again, at once, because the table has already paused.
    Conflict,
    /// The record is larger than a table item can be, even compressed.
    TooLarge,
}
