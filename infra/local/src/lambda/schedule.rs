//! EventBridge Scheduler, as far as one machine needs it: an invocation every so often.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::asynchronous;
use super::function::Deployed;

/// One schedule.
pub struct Schedule {
    /// From one invocation to the next.
    pub every: Duration,
    /// What the function is invoked with.
    pub input: Bytes,
    /// What is invoked.
    pub function: Deployed,
}

impl Schedule {
    /// Works until `stop` turns true or its sender is gone, by the stack's clock.
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
