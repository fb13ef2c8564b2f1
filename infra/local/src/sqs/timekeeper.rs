//! What time does, done when it is due, whether or not anyone looks.

use super::endpoint::Endpoint;
use super::error::SqsError;
use crate::clock::Clock;

impl Endpoint {
    /// Brings hidden messages back, which wakes those who wait for them, removes old ones and lets
    /// move tasks go on. Ends only if a step has panicked.
    pub(crate) async fn keep_time(&self) -> SqsError {
        loop {
            let sooner = self.sooner.notified();
            let advanced = self.begin(|store, step| {
                store.advance(step);
                store.next_due()
            });
            // Nobody is told of what time does, so there is nothing to acknowledge.
            let next_due = match advanced {
                Ok((next_due, _committed)) => next_due,
                Err(panicked) => return panicked,
            };
            tokio::select! {
                () = sooner => {}
                () = wait_for(&self.clock, next_due) => {}
            }
        }
    }
}

async fn wait_for(clock: &Clock, due: Option<u64>) {
    match due {
        Some(at) => clock.wait_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use crate::sqs::endpoint::tests::{endpoint, send};
    use crate::sqs::store::Receive;
    use crate::sqs::store::fixture::{Desk, name, ten};

    #[tokio::test]
    async fn a_long_poll_wakes_when_a_visibility_ends() {
        let (endpoint, hand) = endpoint(Desk::new().with_queue("q", &[("VisibilityTimeout", "5")]));
        let (queue, ask) = (name("q"), ten());
        send(&endpoint, "q", "a").await;
        endpoint.receive(&queue, &ask, None).await.unwrap();
        let mut timekeeper = Box::pin(endpoint.keep_time());
        let mut poll = Box::pin(endpoint.receive(&queue, &ask, Some(20)));
        assert!(timekeeper.as_mut().now_or_never().is_none());
        assert!(poll.as_mut().now_or_never().is_none());
        hand.advance(Duration::from_secs(5));
        assert!(timekeeper.as_mut().now_or_never().is_none());
        assert_eq!(poll.await.unwrap()[0].message.delivery.receive_count(), 2);
    }

    #[tokio::test]
    async fn an_earlier_timer_is_not_slept_through() {
        let (endpoint, hand) = endpoint(Desk::new().with_queue("q", &[]));
        let (queue, ask) = (name("q"), Receive { visibility_timeout: Some(2), ..ten() });
        let mut timekeeper = Box::pin(endpoint.keep_time());
        send(&endpoint, "q", "a").await;
        assert!(timekeeper.as_mut().now_or_never().is_none());
        endpoint.receive(&queue, &ask, None).await.unwrap();
        assert!(timekeeper.as_mut().now_or_never().is_none());
        hand.advance(Duration::from_secs(2));
        assert!(timekeeper.as_mut().now_or_never().is_none());
        let visible = endpoint.step(|store, _| Ok(store.queue(&queue)?.shelf().visible())).await;
        assert_eq!(visible, Ok(1));
    }
}
