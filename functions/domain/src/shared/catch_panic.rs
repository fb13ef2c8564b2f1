//! A panic in one item of a batch fails that item only.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::shared::unavailable::{Result, Unavailable};

/// Runs a step and turns a panic into an error. Steps share only immutable data and ports, so a panic leaves nothing
/// half-changed.
pub async fn catch_panic<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    match AssertUnwindSafe(step).catch_unwind().await {
        Ok(result) => result,
        Err(_) => Err(Unavailable::new("process one item of a batch", "it panicked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let panics = async { if std::hint::black_box(true) { panic!("boom") } else { Ok(()) } };
        assert!(catch_panic(panics).await.is_err());
        assert_eq!(catch_panic(async { Ok(5) }).await.unwrap(), 5);
    }
}
