//! The part of EventBridge Scheduler that one machine needs: invocations at a fixed rate.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::asynchronous;
use super::function::Deployed;

/// Invokes a function at a fixed rate.
pub struct Schedule {
    /// The time from one invocation to the next.
    pub every: Duration,
    /// The payload of each invocation.
    pub input: Bytes,
    /// The function to invoke.
    pub function: Deployed,
}

impl Schedule {
    /// Runs by the stack's clock until `stop` becomes true or its sender is dropped.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let every_ms = u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX);
        loop {
            let due = self.function.clock.now_ms().saturating_add(every_ms);
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.function.clock.wait_until(due) => {}
            }
            tokio::spawn(asynchronous::invoke(self.function.clone(), self.input.clone()));
        }
    }
}
