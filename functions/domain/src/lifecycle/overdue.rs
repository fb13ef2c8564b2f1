//! Ends conversations whose end nobody has reported. A schedule runs it.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use crate::conversation::store::Conversations;
use crate::event::message::EventQueue;
use crate::event::store::EventLookup;
use crate::lifecycle::complete::Complete;
use crate::shared::clock::Clock;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// How long a round may go on: the schedule starts the next within a minute.
const ROUND: Duration = Duration::from_secs(5);

/// Conversations that are ended concurrently.
const AT_ONCE: usize = 16;

/// Ends overdue conversations.
pub struct EndOverdue<C, Q, L, O> {
    complete: Complete<C, Q, L>,
    overdue: O,
    clock: Arc<dyn Clock>,
}

/// The result of a round.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Conversations that were handled.
    pub ended: usize,
    /// Conversations that could not be handled.
    pub failed: usize,
    /// The cause of one failure.
    pub failure: Option<Unavailable>,
}

impl<C: Conversations, Q: EventQueue, L: EventLookup, O: OverdueConversations> EndOverdue<C, Q, L, O> {
    /// Wraps the completion step and the port that finds overdue conversations.
    pub fn new(complete: Complete<C, Q, L>, overdue: O, clock: Arc<dyn Clock>) -> Self {
        Self { complete, overdue, clock }
    }

    /// Handles all overdue conversations, or as many as a round has time for. A failure holds up no others; the next
    /// round tries again.
    pub async fn run(&self) -> Result<Sweep> {
        let start = self.clock.now();
        let mut round = Sweep::default();
        loop {
            let found = self.overdue.find(start).await?;
            let has_time = || self.clock.now().since(start) < ROUND;
            let outcomes: Vec<_> = stream::iter(found)
                .take_while(|_| ready(has_time()))
                .map(|(account, conversation)| async move {
                    self.complete.run_overdue(&account, &conversation).await
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let ended = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
            round.ended += ended;
            let mut failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
            round.failed = failures.len();
            if ended == 0 || !has_time() {
                round.failure = failures.pop();
                return Ok(round);
            }
        }
    }
}

/// Finds the conversations whose end is overdue.
pub trait OverdueConversations: Send + Sync {
    /// Conversations that were overdue at `at`: some of them, if there are any. May include one that was just handled.
    fn find(&self, at: Timestamp) -> impl Future<Output = Result<Vec<(AccountId, ConversationId)>>> + Send;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::testing::fakes::{MemoryConversations, MemoryEvents, MemoryQueue, SeededRandomness, sample};

    /// A clock on which each look takes a tenth of a second: each conversation takes its time.
    struct Ticking(AtomicU64);

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.fetch_add(100, Ordering::Relaxed))
        }
    }

    struct Thousands;

    impl OverdueConversations for Thousands {
        async fn find(&self, _: Timestamp) -> Result<Vec<(AccountId, ConversationId)>> {
            let account = AccountId::parse("acc_1").unwrap();
            let id = |number| ConversationId::parse(format!("c-{number}")).unwrap();
            Ok((0..4000).map(|number| (account.clone(), id(number))).collect())
        }
    }

    #[tokio::test]
    async fn a_round_that_finds_thousands_ends_in_time() {
        let clock = Arc::new(Ticking(AtomicU64::new(0)));
        let complete = Complete::new(
            MemoryConversations::default(),
            MemoryQueue::default(),
            MemoryEvents::default(),
            sample::SPANS,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(SeededRandomness::new(7)),
        );
        let start = clock.now();
        EndOverdue::new(complete, Thousands, Arc::clone(&clock) as _).run().await.unwrap();
        let took = clock.now().since(start);
        // What had begun goes on.
        assert!(took < ROUND + Duration::from_secs(2), "{took:?}");
    }
}
