//! Processes timeouts when they end, whether or not a request comes.

use super::endpoint::Endpoint;
use super::error::SqsError;
use crate::clock::Clock;

impl Endpoint {
    /// Makes hidden messages visible in time, which wakes long polls, and removes expired ones. Ends
    /// only if a transaction has panicked.
    pub(crate) async fn run_timers(&self) -> SqsError {
        loop {
            let earlier = self.earlier_timeout.notified();
            let processed = self.apply(|store, tx| {
                store.process_timeouts(tx);
                store.next_timeout()
            });
            let next_timeout = match processed {
                // No caller waits for these writes, so nothing waits for their commit.
                Ok((next_timeout, _committed)) => next_timeout,
                Err(panicked) => return panicked,
            };
            tokio::select! {
                () = earlier => {}
                () = wait_until(&self.clock, next_timeout) => {}
            }
        }
    }
}

async fn wait_until(clock: &Clock, time: Option<u64>) {
    match time {
        Some(at) => clock.wait_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use crate::sqs::endpoint::tests::{endpoint, send};
    use crate::sqs::store::ReceiveRequest;
    use crate::sqs::store::fixture::{TestStore, name, up_to_ten};

    #[tokio::test]
    async fn a_timeout_that_ends_earlier_is_processed_in_time() {
        let (endpoint, control) = endpoint(TestStore::new().with_queue("q", &[]));
        let (queue, request) = (name("q"), ReceiveRequest { visibility_timeout: Some(2), ..up_to_ten() });
        let mut timers = Box::pin(endpoint.run_timers());
        send(&endpoint, "q", "a").await;
        assert!(timers.as_mut().now_or_never().is_none());
        endpoint.receive(&queue, &request, 0).await.unwrap();
        assert!(timers.as_mut().now_or_never().is_none());
        control.advance(Duration::from_secs(2));
        assert!(timers.as_mut().now_or_never().is_none());
        let visible = endpoint.transact(|store, _| Ok(store.queue(&queue)?.messages().visible())).await;
        assert_eq!(visible, Ok(1));
    }
}
