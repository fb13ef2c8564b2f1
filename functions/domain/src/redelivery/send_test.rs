//! Sends a test event of an invented conversation to one destination.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::conversation::ended::{CompletionFlow, Ended};
use crate::conversation::fields::ConversationFields;
use crate::conversation::record::Conversation;
use crate::conversation::store::Conversations;
use crate::conversation::value::List;
use crate::delivery::message::DeliveryQueue;
use crate::delivery::record::{Delivery, Trigger};
use crate::destination::record::Destination;
use crate::event::kind::EventKind;
use crate::event::store::Events;
use crate::shared::clock::Clock;
use crate::shared::ids::{ConversationId, DeliveryId, EventId};
use crate::shared::randomness::Seed;
use crate::shared::token::Token;
use crate::shared::unavailable::Result;

/// Sends test events.
pub struct SendTest<C, E, Q> {
    conversations: C,
    events: E,
    deliveries: Q,
    retention: Duration,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations, E: Events, Q: DeliveryQueue> SendTest<C, E, Q> {
    /// Creates the use case from its ports.
    pub fn new(
        conversations: C,
        events: E,
        deliveries: Q,
        retention: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { conversations, events, deliveries, retention, clock }
    }

    /// Sends one test event to this destination only. Its conversation is stored like any other, marked as a test, so
    /// that a receiver that looks it up finds it. Each seed makes one event, however often the call is repeated.
    pub async fn run(&self, destination: &Destination, kind: EventKind, seed: &Seed) -> Result<Delivery> {
        let now = self.clock.now();
        let account = destination.account_id.clone();
        let mut conversation =
            Conversation::new(account.clone(), ConversationId::of_test(seed.bytes("test")), now);
        let event_id = EventId::of_conversation(&account, &conversation.id);
        conversation.fields = sample();
        conversation.fields.set_end(kind);
        let ended = Ended {
            event_id: event_id.clone(),
            kind,
            flow: CompletionFlow::Test,
            at: now,
            reported: None,
            until: now + self.retention,
            settles_at: None,
            words: Vec::new(),
        };
        conversation.ended = Some(ended.clone());
        let event = conversation.lifecycle_event(&ended, now);
        let by = Token::from(conversation.id.as_str());
        // The event is for one destination and is not fanned out: no message tells of it.
        // Either may be there already, written when this seed was used before.
        self.events.create(&event, &by, now).await?;
        self.conversations.save(&conversation).await?;
        let delivery = Delivery {
            account_id: account,
            id: DeliveryId::of(&event_id, &destination.id),
            destination_id: destination.id.clone(),
            conversation_id: Some(conversation.id),
            event: kind,
            trigger: Trigger::Test,
            created_at: now,
        };
        // Always with standard retries: whoever sends a test wants the result soon.
        self.deliveries.send(&[delivery.clone().into()]).await?;
        Ok(delivery)
    }
}

/// The fields that a receiver can expect in a record.
fn sample() -> ConversationFields {
    ConversationFields {
        agent_id: Some("test-agent".into()),
        conversation_type: Some("TELEPHONY".into()),
        notes: Some("This is a test event. No conversation took place.".into()),
        conversation_duration: Some(42.into()),
        calling_type: Some("OUTBOUND".into()),
        telephony_provider: Some("TWILIO".into()),
        to_mobile_number: Some("+15005550006".into()),
        from_mobile_number: Some("+15005550006".into()),
        is_test_call: Some(true),
        conversation_transcript: Some(List::from_iter([
            json!({"role": "agent", "content": "Hello, this is a test."}),
        ])),
        ..ConversationFields::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::status::ConversationStatus;
    use crate::conversation::store::ConversationLookup;
    use crate::event::store::EventLookup;
    use crate::testing::fakes::{
        ManualClock, MemoryConversations, MemoryEvents, MemoryQueue, RETENTION, sample,
    };

    #[tokio::test]
    async fn a_test_is_marked_as_one_and_goes_to_one_destination() {
        let (conversations, events, deliveries) =
            (MemoryConversations::default(), MemoryEvents::default(), MemoryQueue::default());
        let clock = Arc::new(ManualClock::new(7));
        let send_test =
            SendTest::new(conversations.clone(), events.clone(), deliveries.clone(), RETENTION, clock);
        let destination = sample::destination("dst_1");
        let delivery = send_test.run(&destination, EventKind::Failed, &Seed::new([1; 32])).await.unwrap();
        assert_eq!(deliveries.sent(), [delivery.clone().into()]);
        assert_eq!((delivery.trigger, &delivery.destination_id), (Trigger::Test, &destination.id));
        let record = conversations
            .load(&sample::account(), &delivery.conversation_id.unwrap())
            .await
            .unwrap()
            .kept()
            .unwrap();
        assert_eq!(record.fields.is_test_call, Some(true));
        assert_eq!(record.fields.status(), Some(ConversationStatus::Failed));
        let event = delivery.id.event_id().unwrap();
        assert!(events.exists(&sample::account(), &event).await.unwrap());
    }
}
