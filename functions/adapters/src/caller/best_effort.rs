//! Work that a request does not need.

use std::time::Duration;

use domain::shared::unavailable::Unavailable;

/// How long a request waits to be counted and for its key's use to be recorded: a write takes milliseconds, and the
/// request itself needs neither.
pub(super) const BEST_EFFORT_TIMEOUT: Duration = Duration::from_millis(500);

/// Does work whose failure or delay does not stop a request.
pub(super) async fn best_effort<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, Unavailable>>,
) -> Option<T> {
    match tokio::time::timeout(BEST_EFFORT_TIMEOUT, work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            error.log();
            None
        }
        Err(_) => {
            tracing::warn!(what, "best_effort.late");
            None
        }
    }
}
