//! When an invocation is killed.

use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use lambda_runtime::Context;

/// Lambda states the deadline by the sandbox's own clock, which may be wrong, so what counts is how far it lies ahead of
/// that clock. `cargo lambda watch` states a constant that lies long past; then the configured timeout begins now.
pub(crate) fn of(context: &Context, timeout: Duration, clock: &dyn Clock) -> Timestamp {
    let stated = Timestamp::from_millis(context.deadline).since(clock.own());
    clock.now() + if stated.is_zero() { timeout } else { stated.min(timeout) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Five minutes behind, and told so.
    struct Behind;

    impl Clock for Behind {
        fn now(&self) -> Timestamp {
            self.own() + Duration::from_secs(300)
        }

        fn own(&self) -> Timestamp {
            Timestamp::from_millis(1_756_720_060_200)
        }
    }

    #[test]
    fn a_deadline_is_as_far_ahead_as_it_was_stated() {
        for (stated, ahead) in [
            (Behind.own() + Duration::from_millis(5), Duration::from_millis(5)),
            (Behind.own() + TIMEOUT * 2, TIMEOUT),
            (Timestamp::from_millis(600_000), TIMEOUT),
        ] {
            let mut context = Context::default();
            context.deadline = stated.as_millis();
            assert_eq!(of(&context, TIMEOUT, &Behind), Behind.now() + ahead);
        }
    }
}
