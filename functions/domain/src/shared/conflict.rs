//! Optimistic retry for records with several writers.

use crate::shared::unavailable::{Result, Unavailable};

/// A table pauses before it reports a conflict, and fails at the invocation's deadline: this bounds what does neither.
const MAX_CONFLICTS: usize = 200;

/// Optimistic retry: `step` loads, changes and conditionally saves a record; it runs again after a conflict (`None`).
pub(crate) async fn retry_on_conflict<T, F>(doing: &'static str, step: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>> + Send,
{
    for _ in 0..MAX_CONFLICTS {
        if let Some(done) = step().await? {
            return Ok(done);
        }
    }
    Err(Unavailable::new(doing, "other writers kept changing the record"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_step_is_taken_again_as_long_as_others_write_but_not_for_ever() {
        for (conflicts, steps, is_done) in [(0, 1, true), (5, 6, true), (usize::MAX, MAX_CONFLICTS, false)] {
            let taken = Cell::new(0);
            let step = || {
                let nth = taken.replace(taken.get() + 1);
                async move { Ok((nth >= conflicts).then_some(())) }
            };
            assert_eq!(retry_on_conflict("test", step).await.is_ok(), is_done);
            assert_eq!(taken.get(), steps, "{conflicts}");
        }
    }
}
