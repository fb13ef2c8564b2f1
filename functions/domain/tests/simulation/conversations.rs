//! The platform: ends conversations and reports each end until ingest has accepted it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::event::kind::EventKind;
use domain::lifecycle::complete::{Complete, Completion};
use domain::lifecycle::provider_callback::Ending;
use domain::shared::ids::EventId;
use domain::testing::fakes::sample;
use futures_util::future::{Either, select};

use crate::network::Network;
use crate::ports::Ports;
use crate::world::World;

impl World {
    /// Ends a conversation after this time; the platform repeats its report until it is accepted.
    pub(crate) fn end_conversation(self: &Arc<Self>, after: Duration) -> EventId {
        let (conversation_id, event) = self.add_conversation();
        let world = Arc::clone(self);
        self.time.spawn(async move {
            world.time.sleep(after).await;
            let completion = Completion {
                account_id: sample::account(),
                conversation_id,
                flow: CompletionFlow::Hangup,
                end: Ending::As(EventKind::Completed),
                ended_at: None,
                stated: ConversationPatch::default(),
                known: ConversationFields::default(),
            };
            while !world.is_accepted(&completion).await {
                world.time.sleep(world.randomness.millis(100, 10_000)).await;
            }
        });
        event
    }

    async fn is_accepted(self: &Arc<Self>, completion: &Completion) -> bool {
        let network = Network {
            time: self.time.clone(),
            randomness: self.randomness.clone(),
            faults: self.faults.clone(),
            life: Default::default(),
            clock: self.sandbox_clock(),
            syncs_clocks: self.syncs_clocks,
        };
        let (life, clock) = (network.life.clone(), Arc::clone(&network.clock));
        let ports = Ports { world: Arc::clone(self), network, appearances: 0 };
        let complete = Complete::new(ports.clone(), ports, clock);
        match select(life, pin!(complete.run(completion))).await {
            Either::Left(_) => false,
            Either::Right((completed, _)) => completed.is_ok(),
        }
    }
}
