//! Sends a test event of an invented conversation to one destination.

use std::sync::Arc;

use serde_json::json;

use crate::conversation::ended::{CompletionFlow, Ended};
use crate::conversation::fields::ConversationFields;
use crate::conversation::record::Conversation;
use crate::conversation::store::Conversations;
use crate::delivery::message::DeliveryQueue;
use crate::delivery::record::{Delivery, Trigger};
use crate::destination::record::Destination;
use crate::event::kind::EventKind;
use crate::event::store::EventOutbox;
use crate::shared::clock::Clock;
use crate::shared::ids::{ConversationId, DeliveryId, EventId};
use crate::shared::unavailable::{Result, Saved, Unavailable};

/// Sends test events.
pub struct SendTest<C, Q> {
    conversations: C,
    deliveries: Q,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations + EventOutbox, Q: DeliveryQueue> SendTest<C, Q> {
    /// Creates the use case from its ports.
    pub fn new(conversations: C, deliveries: Q, clock: Arc<dyn Clock>) -> Self {
        Self { conversations, deliveries, clock }
    }

    /// Sends one test event to this destination only. Its conversation is stored like any other, marked as a test, so
    /// that a receiver that looks it up finds it.
    pub async fn run(
        &self,
        destination: &Destination,
        kind: EventKind,
        randomness: [u8; 8],
    ) -> Result<Delivery> {
        let now = self.clock.now();
        let account = destination.account_id.clone();
        let mut conversation = Conversation::new(account.clone(), ConversationId::of_test(randomness), now);
        let event_id = EventId::of_conversation(&account, &conversation.id);
        conversation.fields = sample();
        conversation.fields.set_status(kind.into());
        let ended =
            Ended { event_id: event_id.clone(), kind, flow: CompletionFlow::Test, at: now, reported: None };
        conversation.ended = Some(ended.clone());
        let event = conversation.lifecycle_event(&ended);
        if self.conversations.end(&conversation, &event).await? != Saved::Yes {
            return Err(Unavailable::new("store a test event", "its id already exists"));
        }
        // The event is for one destination and must not be fanned out.
        self.conversations.mark_announced(&account, &event_id).await?;
        let delivery = Delivery {
            account_id: account,
            id: DeliveryId::of(&event_id, &destination.id),
            destination_id: destination.id.clone(),
            conversation_id: conversation.id,
            event: kind,
            trigger: Trigger::Test,
            created_at: now,
        };
        self.deliveries.send(&[delivery.clone().into()]).await?;
        Ok(delivery)
    }
}

/// The fields that a receiver can expect in a record.
fn sample() -> ConversationFields {
    ConversationFields::of([
        ("agent_id", Some(json!("test-agent"))),
        ("conversation_type", Some(json!("TELEPHONY"))),
        ("notes", Some(json!("This is a test event. No conversation took place."))),
        ("conversation_duration", Some(json!(42))),
        ("calling_type", Some(json!("OUTBOUND"))),
        ("telephony_provider", Some(json!("TWILIO"))),
        ("to_mobile_number", Some(json!("+15005550006"))),
        ("from_mobile_number", Some(json!("+15005550006"))),
        ("is_test_call", Some(json!(true))),
        ("conversation_transcript", Some(json!([{"role": "agent", "content": "Hello, this is a test."}]))),
        ("conversation_analysis", Some(json!([]))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::store::ConversationLookup;
    use crate::testing::fakes::{ManualClock, MemoryConversations, MemoryQueue, sample};

    #[tokio::test]
    async fn a_test_is_marked_as_one_and_goes_to_one_destination() {
        let (conversations, deliveries) = (MemoryConversations::default(), MemoryQueue::default());
        let send_test =
            SendTest::new(conversations.clone(), deliveries.clone(), Arc::new(ManualClock::new(7)));
        let destination = sample::destination("dst_1");
        let delivery = send_test.run(&destination, EventKind::Failed, [1; 8]).await.unwrap();
        assert_eq!(deliveries.sent(), [delivery.clone().into()]);
        assert_eq!((delivery.trigger, &delivery.destination_id), (Trigger::Test, &destination.id));
        let record =
            conversations.load(&sample::account(), &delivery.conversation_id).await.unwrap().unwrap();
        assert_eq!(record.fields.get("is_test_call"), Some("true"));
        assert_eq!(record.fields.get("conversation_status"), Some("\"FAILED\""));
        let event = delivery.id.event_id().unwrap();
        assert!(conversations.is_announced(&sample::account(), &event).await.unwrap());
    }
}
