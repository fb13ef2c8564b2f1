//! When an invocation is killed.

use std::time::Duration;

use domain::timestamp::Timestamp;
use lambda_runtime::Context;

/// The deadline that Lambda states. `cargo lambda watch` states a constant that lies long past; then it is the
/// configured timeout from now on.
pub(crate) fn of(context: &Context, timeout: Duration, now: Timestamp) -> Timestamp {
    let stated = Timestamp::from_millis(context.deadline);
    if stated > now { stated } else { now + timeout }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_is_replaced() {
        let now = Timestamp::from_millis(1_756_720_060_200);
        let timeout = Duration::from_secs(30);
        let mut context = Context::default();
        context.deadline = 600_000;
        assert_eq!(of(&context, timeout, now), now + timeout);
        context.deadline = now.as_millis() + 5;
        assert_eq!(of(&context, timeout, now), now + Duration::from_millis(5));
    }
}
