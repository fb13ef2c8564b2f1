//! Waits for something to happen.

use std::time::{Duration, Instant};

/// The maximum wait: twice the longest one that is needed, for a schedule that runs once a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// Calls `look` again and again until it finds something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
