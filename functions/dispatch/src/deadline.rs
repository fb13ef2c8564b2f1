//! The time at which Lambda kills an invocation.

use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use lambda_runtime::Context;

/// Converts Lambda's deadline to `clock`. Lambda states it by the sandbox's own clock, which may be wrong, so only its
/// distance from that clock counts. `cargo lambda watch` states a constant in the past; then `timeout` starts now.
pub(crate) fn of(context: &Context, timeout: Duration, clock: &dyn Clock) -> Timestamp {
    let stated = Timestamp::from_millis(context.deadline).since(clock.local_now());
    clock.now() + if stated.is_zero() { timeout } else { stated.min(timeout) }
}

#[cfg(test)]
mod tests;
