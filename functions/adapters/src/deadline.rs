//! The time at which Lambda kills an invocation, and the pauses between tries that respect it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use lambda_runtime::Context;

/// What a call leaves of an invocation when it gives up: enough to answer.
pub const RESERVE: Duration = Duration::from_secs(2);

/// Conflicts after which the pause no longer doubles.
const MAX_DOUBLINGS: u32 = 4;

/// The timeout of the functions that answer the HTTP API, by the template.
pub const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);

tokio::task_local! {
    static INVOCATION: Invocation;
}

struct Invocation {
    deadline: Timestamp,
    clock: Arc<dyn Clock>,
    /// Conflicts with other writers so far.
    conflicts: AtomicU32,
}

/// Converts Lambda's deadline to `clock`. Lambda states it by the sandbox's own clock, which may be wrong, so only its
/// distance from that clock counts. `cargo lambda watch` states a constant in the past; then `timeout` starts now.
pub fn of(context: &Context, timeout: Duration, clock: &dyn Clock) -> Timestamp {
    let stated = Timestamp::from_millis(context.deadline).since(clock.local_now());
    clock.now() + if stated.is_zero() { timeout } else { stated.min(timeout) }
}

/// Does the work of an invocation that ends at `deadline`: until then, the calls in it are tried again.
pub fn until<T>(
    deadline: Timestamp,
    clock: &Arc<dyn Clock>,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    let invocation = Invocation { deadline, clock: Arc::clone(clock), conflicts: AtomicU32::new(0) };
    // Boxed: an invocation nests futures so deeply that the compiler gives up on its layout.
    INVOCATION.scope(invocation, Box::pin(work))
}

/// Pauses after a conflict with other writers, longer after each: the more there are, the fewer at a time are needed.
pub(crate) async fn pause_after_conflict() -> bool {
    let earlier =
        INVOCATION.try_with(|invocation| invocation.conflicts.fetch_add(1, Relaxed)).unwrap_or_default();
    pause(50..=200 << earlier.min(MAX_DOUBLINGS), RESERVE).await
}

/// Pauses for a number of milliseconds from this range, at random, so that callers who collided do not meet again.
/// False, and no pause, if the invocation would then have less time left than `reserve`, or there is none.
pub(crate) async fn pause(milliseconds: RangeInclusive<u64>, reserve: Duration) -> bool {
    let left = INVOCATION.try_with(|invocation| invocation.deadline.since(invocation.clock.now()));
    let spare = left.unwrap_or_default().saturating_sub(reserve).as_millis();
    let (shortest, longest) = milliseconds.into_inner();
    let longest = longest.min(u64::try_from(spare).unwrap_or(u64::MAX));
    if longest < shortest {
        return false;
    }
    let chance = u64::from(getrandom::u32().unwrap_or_default());
    tokio::time::sleep(Duration::from_millis(shortest + chance % (longest - shortest + 1))).await;
    true
}

#[cfg(test)]
mod tests;
