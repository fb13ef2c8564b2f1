use std::sync::Arc;

use super::*;
use crate::conversation::ended::CompletionFlow;
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::provider::Provider;
use crate::conversation::store::{ConversationLookup, FORGOTTEN_FOR, Stored};
use crate::event::kind::EventKind;
use crate::event::message::EventMessage;
use crate::event::store::StoredEvent;
use crate::lifecycle::complete::{Complete, CompletionResult};
use crate::lifecycle::completion::Completion;
use crate::lifecycle::freeze::{Freeze, Frozen};
use crate::lifecycle::provider_callback::{CallProgress, Ending};
use crate::shared::clock::Clock;
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::{
    ManualClock, MemoryConversations, MemoryEvents, MemoryQueue, MemoryReferences, SeededRandomness, sample,
};

struct Scene {
    clock: ManualClock,
    conversations: MemoryConversations,
    references: MemoryReferences,
    events: MemoryEvents,
    queue: MemoryQueue<EventMessage>,
}

impl Scene {
    fn set() -> Self {
        let clock = ManualClock::new(1000);
        let references = MemoryReferences::new(clock.clone());
        Self {
            clock,
            conversations: MemoryConversations::default(),
            references,
            events: MemoryEvents::default(),
            queue: MemoryQueue::default(),
        }
    }

    async fn forget(&self) -> bool {
        let clock = Arc::new(self.clock.clone());
        let (conversations, references) = (self.conversations.clone(), self.references.clone());
        let forget = Forget::new(conversations, references, self.events.clone(), clock);
        forget.run(&sample::account(), &sample::conversation_id()).await.unwrap()
    }

    async fn end(&self) -> CompletionResult {
        self.end_by(CompletionFlow::Hangup).await
    }

    async fn end_by(&self, flow: CompletionFlow) -> CompletionResult {
        let complete = Complete::new(
            self.conversations.clone(),
            self.queue.clone(),
            self.events.clone(),
            sample::SPANS,
            Arc::new(self.clock.clone()),
            Arc::new(SeededRandomness::new(7)),
        );
        let completion = Completion {
            account_id: sample::account(),
            conversation_id: sample::conversation_id(),
            flow,
            end: Ending::As(EventKind::Completed),
            ended_at: None,
            settle: std::time::Duration::ZERO,
            stated: ConversationPatch { references: vec![room()], ..ConversationPatch::default() },
            known: ConversationFields::default(),
        };
        complete.run(&completion).await.unwrap()
    }

    async fn link(&self, link: &Link) {
        let found = self.references.find(&sample::account(), &room()).await.unwrap();
        let saved = self.references.put(&sample::account(), &room(), link, found.as_ref()).await.unwrap();
        assert_eq!(saved, Saved::Yes);
    }

    async fn linked(&self) -> Option<Link> {
        self.references.find(&sample::account(), &room()).await.unwrap()
    }

    async fn parked(&self) -> Vec<String> {
        let parked = self.references.parked(&sample::account(), &room()).await.unwrap();
        parked.into_iter().map(|callback| callback.id).collect()
    }
}

fn room() -> Reference {
    Reference::parse(Provider::Daily, "room", "daily_room").unwrap()
}

fn link(conversation: &str, earlier: Option<&str>) -> Link {
    let id = |text: &str| ConversationId::parse(text).unwrap();
    Link {
        conversation_id: id(conversation),
        since: Timestamp::from_millis(5),
        earlier: earlier.map(id),
        ended: false,
    }
}

#[tokio::test]
async fn a_conversation_is_forgotten_once_and_its_id_stays_taken_for_a_day() {
    let scene = Scene::set();
    assert!(!scene.forget().await, "there is none");
    scene.end().await;
    scene.events.put(sample::event("{}"));
    assert!(scene.forget().await);
    let now = scene.clock.now();
    assert!(matches!(scene.events.get(&sample::event("").id), StoredEvent::Forgotten { at } if at == now));
    let stored = scene.conversations.load(&sample::account(), &sample::conversation_id()).await.unwrap();
    assert!(matches!(stored, Stored::Forgotten { until } if until == now + FORGOTTEN_FOR));
    assert!(!scene.forget().await, "it is gone");
    assert_eq!(scene.end().await, CompletionResult::Forgotten(now + FORGOTTEN_FOR));
    assert_eq!(scene.queue.sent().len(), 1);
}

/// Neither the message that waits, nor the platform's report, nor a provider's lets an event leave.
#[tokio::test]
async fn row_55_a_deletion_while_an_end_settles_wins() {
    let scene = Scene::set();
    scene.end_by(CompletionFlow::Twilio).await;
    assert!(scene.forget().await);
    let until = scene.clock.now() + FORGOTTEN_FOR;
    for flow in [CompletionFlow::Hangup, CompletionFlow::Daily, CompletionFlow::Twilio] {
        assert_eq!(scene.end_by(flow).await, CompletionResult::Forgotten(until), "{flow:?}");
    }
    scene.clock.advance(sample::SPANS.settle);
    let [message] = &scene.queue.sent()[..] else { panic!("one message, of the first report") };
    let freeze =
        Freeze::new(scene.conversations.clone(), scene.events.clone(), Arc::new(scene.clock.clone()));
    for is_first_receive in [true, false] {
        assert!(matches!(freeze.run(message, is_first_receive).await.unwrap(), Frozen::Nothing));
    }
    assert!(matches!(scene.events.get(&message.event_id()), StoredEvent::Forgotten { .. }));
}

#[tokio::test]
async fn what_was_left_behind_is_forgotten_by_the_next_call() {
    let scene = Scene::set();
    for _ in 0..2 {
        scene.events.record_delivery(&sample::event("").id);
        assert!(scene.forget().await);
        assert!(!scene.forget().await);
        scene.end().await;
        scene.forget().await;
    }
}

#[tokio::test]
async fn an_end_that_gets_in_between_is_forgotten_too() {
    let scene = Scene::set();
    scene
        .conversations
        .save(&Conversation::new(sample::account(), sample::conversation_id(), scene.clock.now()))
        .await
        .unwrap();
    // The store ends the conversation after it is first loaded.
    scene.conversations.end_after_next_load(EventKind::Failed);
    assert!(scene.forget().await);
    let stored = scene.conversations.load(&sample::account(), &sample::conversation_id()).await.unwrap();
    assert!(stored.kept().is_none());
    assert!(!scene.forget().await);
}

#[tokio::test]
async fn a_reference_leads_to_whom_it_leads_without_the_conversation() {
    let this = sample::conversation_id().to_string();
    for (before, after) in [
        (link(&this, None), None),
        (link(&this, Some("c-before")), Some(Link { ended: true, ..link("c-before", None) })),
        (link("c-after", Some(&this)), Some(link("c-after", None))),
        (link("c-after", Some("c-between")), Some(link("c-after", Some("c-between")))),
    ] {
        let scene = Scene::set();
        scene.end().await;
        scene.link(&before).await;
        assert!(scene.forget().await);
        assert_eq!(scene.linked().await, after, "{before:?}");
    }
}

#[tokio::test]
async fn callbacks_that_wait_are_forgotten_unless_they_are_about_the_next_conversation() {
    let scene = Scene::set();
    scene.end().await; // at 1000
    scene.link(&link(sample::conversation_id().as_str(), None)).await;
    for (id, began) in [("this", Some(900)), ("unknown", None), ("next", Some(1100))] {
        let callback = ProviderCallback {
            reference: room(),
            id: id.to_owned(),
            at: Timestamp::from_millis(1200),
            began: began.map(Timestamp::from_millis),
            progress: CallProgress::Ended(Ending::ByAnswer),
            known: ConversationFields::default(),
        };
        let until = Timestamp::from_millis(9000);
        scene.references.park(&sample::account(), &callback, until).await.unwrap();
    }
    assert!(scene.forget().await);
    assert_eq!(scene.parked().await, ["next"]);
}
