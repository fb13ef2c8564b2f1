//! Conversations whose end nobody has reported: a schedule looks after them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use crate::completion::Complete;
use crate::ports::{Clock, Conversations, EventOutbox, EventQueue, OverdueConversations, Result};

/// How long a round may go on finding more: the schedule comes again within the minute.
const ROUND: Duration = Duration::from_secs(5);

/// Conversations that are ended at the same time.
const AT_ONCE: usize = 16;

/// Ends what is overdue.
pub struct EndOverdue<C, Q, O> {
    complete: Complete<C, Q>,
    overdue: O,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations + EventOutbox, Q: EventQueue, O: OverdueConversations> EndOverdue<C, Q, O> {
    /// Over the completion step and a way to find what is overdue.
    pub fn new(complete: Complete<C, Q>, overdue: O, clock: Arc<dyn Clock>) -> Self {
        Self { complete, overdue, clock }
    }

    /// Ends all of them, or as many as a round has time for. One that fails is tried again by the next round. Returns
    /// how many were ended.
    pub async fn run(&self) -> Result<usize> {
        let start = self.clock.now();
        let mut ended = 0;
        loop {
            let found = self.overdue.find(start).await?;
            let outcomes: Vec<_> = stream::iter(found)
                .map(|(account, conversation)| async move {
                    self.complete.run_overdue(&account, &conversation).await
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let mut failure = None;
            let mut ended_now = 0;
            for outcome in outcomes {
                match outcome {
                    Ok(true) => ended_now += 1,
                    Ok(false) => {} // dealt with by another signal
                    Err(error) => failure = Some(error),
                }
            }
            ended += ended_now;
            if let Some(error) = failure {
                return Err(error);
            }
            if ended_now == 0 || self.clock.now().since(start) >= ROUND {
                return Ok(ended);
            }
        }
    }
}
