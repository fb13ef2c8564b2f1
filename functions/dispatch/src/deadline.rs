//! When an invocation is killed.

use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use lambda_runtime::Context;

/// Lambda states the deadline by the sandbox's own clock, which may be wrong, so what counts is how far it lies ahead of
/// that clock. `cargo lambda watch` states a constant that lies long past; then the configured timeout begins now.
pub(crate) fn of(context: &Context, timeout: Duration, clock: &dyn Clock) -> Timestamp {
    let stated = Timestamp::from_millis(context.deadline).since(clock.local_now());
    clock.now() + if stated.is_zero() { timeout } else { stated.min(timeout) }
}

#[cfg(test)]
mod tests;
