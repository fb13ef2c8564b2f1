use super::*;
use crate::conversation::fields::ConversationFields;
use crate::conversation::provider::Provider;
use crate::conversation::store::ConversationLookup;
use crate::event::kind::EventKind;
use crate::event::message::EventMessage;
use crate::lifecycle::provider_callback::Ending;
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::{ManualClock, MemoryConversations, MemoryQueue, MemoryReferences, sample};

struct World {
    callbacks: Callbacks<MemoryConversations, MemoryQueue<EventMessage>, MemoryReferences>,
    events: MemoryQueue<EventMessage>,
    clock: ManualClock,
}

fn room() -> Reference {
    Reference::parse(Provider::Daily, "r1", "daily_room").unwrap()
}

fn id(text: &str) -> ConversationId {
    ConversationId::parse(text).unwrap()
}

impl World {
    fn new() -> Self {
        let (conversations, events) = (MemoryConversations::default(), MemoryQueue::default());
        let clock = ManualClock::new(1_000_000);
        let shared = || Arc::new(clock.clone());
        let complete = Complete::new(conversations.clone(), events.clone(), shared());
        let references = MemoryReferences::new(clock.clone());
        Self { callbacks: Callbacks::new(complete, conversations, references, shared()), events, clock }
    }

    async fn call(&self, progress: CallProgress, names: Option<&str>) -> CallbackResult {
        let known = r#"{"conversation_duration":7}"#;
        let callback = ProviderCallback {
            reference: room(),
            id: format!("{progress:?}"),
            at: self.clock.now(),
            began: None,
            progress,
            known: ConversationFields::parse(serde_json::from_str(known).unwrap()).unwrap(),
        };
        self.callbacks.receive(&sample::account(), &callback, names.map(id).as_ref()).await.unwrap()
    }

    /// The platform links the room to this conversation.
    async fn name(&self, conversation: &str) -> bool {
        self.callbacks.link(&sample::account(), &id(conversation), &[room()], false).await.unwrap()
    }

    async fn record(&self, conversation: &str) -> Option<Conversation> {
        self.callbacks.conversations.load(&sample::account(), &id(conversation)).await.unwrap()
    }

    async fn end_of(&self, conversation: &str) -> Option<EventKind> {
        self.record(conversation).await?.ended.map(|ended| ended.kind)
    }
}

const OVER: CallProgress = CallProgress::Ended(Ending::ByAnswer);

#[tokio::test]
async fn the_first_callback_that_names_a_conversation_makes_the_link() {
    let world = World::new();
    assert_eq!(world.call(CallProgress::Answered, Some("c-1")).await, CallbackResult::Applied);
    assert_eq!(world.call(OVER, Some("c-2")).await, CallbackResult::Applied);
    assert_eq!(world.end_of("c-1").await, Some(EventKind::Completed));
    assert!(world.record("c-2").await.is_none());
}

#[tokio::test]
async fn callbacks_wait_ten_minutes_for_their_conversation_and_are_applied_in_order() {
    let world = World::new();
    assert_eq!(world.call(OVER, None).await, CallbackResult::Parked);
    assert_eq!(world.call(CallProgress::Answered, None).await, CallbackResult::Parked);
    world.clock.advance(PARKED_FOR - Duration::from_millis(1));
    assert!(world.name("c-1").await);
    assert_eq!(world.end_of("c-1").await, Some(EventKind::Completed), "the answer was applied first");

    let world = World::new();
    world.call(OVER, None).await;
    world.clock.advance(PARKED_FOR);
    assert!(!world.name("c-1").await);
    assert_eq!(world.end_of("c-1").await, None);
}

#[tokio::test]
async fn progress_moves_forward_only_and_is_nothing_after_the_end() {
    let world = World::new();
    world.name("c-1").await;
    world.call(CallProgress::Answered, None).await;
    world.call(CallProgress::Placed, None).await;
    let record = world.record("c-1").await.unwrap();
    assert_eq!(record.fields.status(), Some(ConversationStatus::InProgress));
    assert!(world.events.sent().is_empty());
    world.call(OVER, None).await;
    let version = world.record("c-1").await.unwrap().version;
    world.call(CallProgress::Answered, None).await;
    world.call(CallProgress::Placed, None).await;
    world.call(OVER, None).await;
    assert_eq!(world.record("c-1").await.unwrap().version, version);
    assert_eq!(world.events.sent().len(), 1);
}

/// The callback of a meeting that began at `began` and has just ended.
fn meeting(world: &World, id: &str, began: u64) -> ProviderCallback {
    ProviderCallback {
        reference: room(),
        id: id.to_owned(),
        at: world.clock.now(),
        began: Some(Timestamp::from_millis(began)),
        progress: OVER,
        known: ConversationFields::default(),
    }
}

async fn receive(world: &World, callback: &ProviderCallback) -> CallbackResult {
    world.callbacks.receive(&sample::account(), callback, None).await.unwrap()
}

#[tokio::test]
async fn a_meeting_that_outlasts_the_next_ones_preparation_ends_its_own_conversation() {
    let world = World::new();
    world.name("c-1").await;
    world.clock.advance(Duration::from_secs(300));
    world.name("c-2").await;
    world.clock.advance(Duration::from_secs(300));
    receive(&world, &meeting(&world, "1", 1_000_000)).await;
    assert_eq!(world.end_of("c-1").await, Some(EventKind::Disconnected));
    assert_eq!(world.end_of("c-2").await, None);
    // The first conversation's record is stored again; it has ended, so the room stays with the second.
    world.callbacks.link(&sample::account(), &id("c-1"), &[room()], true).await.unwrap();
    receive(&world, &meeting(&world, "2", 1_700_000)).await;
    assert_eq!(world.end_of("c-2").await, Some(EventKind::Disconnected));
}

#[tokio::test]
async fn a_meeting_in_a_room_whose_conversation_is_over_waits_for_the_next_one() {
    let world = World::new();
    world.name("c-1").await;
    receive(&world, &meeting(&world, "1", 999_000)).await;
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(receive(&world, &meeting(&world, "2", 1_300_000)).await, CallbackResult::Parked);
    assert!(world.record("c-1").await.unwrap().late_signals.is_empty());
    assert!(world.name("c-2").await);
    assert_eq!(world.end_of("c-2").await, Some(EventKind::Disconnected));
}

#[tokio::test]
async fn what_waited_for_one_conversation_is_not_told_to_the_next() {
    let world = World::new();
    world.call(OVER, None).await;
    assert!(world.name("c-1").await);
    world.clock.advance(Duration::from_secs(60));
    assert!(!world.name("c-2").await);
    assert_eq!(world.end_of("c-2").await, None);
    // A late callback counts at its own time.
    let late = ProviderCallback { began: None, ..meeting(&world, "late", 0) };
    receive(&world, &ProviderCallback { at: Timestamp::from_millis(1_000_001), ..late }).await;
    assert_eq!(world.end_of("c-2").await, None);
}

#[tokio::test]
async fn an_answer_that_still_waits_is_told_before_the_end() {
    let world = World::new();
    world.call(CallProgress::Answered, None).await;
    // The link is stored, but its writer stops before it applies the parked callbacks.
    world.callbacks.link_reference(&sample::account(), &room(), &id("c-1"), false).await.unwrap();
    world.call(OVER, None).await;
    assert_eq!(world.end_of("c-1").await, Some(EventKind::Completed));
}
