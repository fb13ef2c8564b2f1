mod late;

use super::*;
use crate::conversation::provider::Provider;
use crate::conversation::store::ConversationLookup;
use crate::event::kind::EventKind;
use crate::event::message::EventMessage;
use crate::lifecycle::provider_callback::Ending;
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::{
    CapturedLog, ManualClock, MemoryConversations, MemoryEvents, MemoryQueue, MemoryReferences,
    SeededRandomness, sample,
};

struct World {
    callbacks: Callbacks<MemoryConversations, MemoryQueue<EventMessage>, MemoryEvents, MemoryReferences>,
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
        let complete = Complete::new(
            conversations.clone(),
            events.clone(),
            MemoryEvents::default(),
            sample::SPANS,
            shared(),
            Arc::new(SeededRandomness::new(7)),
        );
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

    /// The platform stores this conversation, which uses the room.
    async fn name(&self, conversation: &str) -> bool {
        if self.record(conversation).await.is_none() {
            let record = Conversation::new(sample::account(), id(conversation), self.clock.now());
            self.callbacks.conversations.save(&record).await.unwrap();
        }
        self.callbacks.link(&sample::account(), &id(conversation), &[room()], false).await.unwrap()
    }

    async fn record(&self, conversation: &str) -> Option<Conversation> {
        self.callbacks.conversations.load(&sample::account(), &id(conversation)).await.unwrap().kept()
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

/// A moment of these tests, in seconds.
fn second(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

/// A callback about a moment of a meeting, at that moment.
fn leg(progress: CallProgress, at: u64, known: &str) -> ProviderCallback {
    ProviderCallback {
        reference: room(),
        id: format!("{progress:?} {at}"),
        at: second(at),
        began: Some(second(at)),
        progress,
        known: ConversationFields::parse(serde_json::from_str(known).unwrap()).unwrap(),
    }
}

/// The end of a meeting, as its provider reports it.
fn ended(began: u64, at: u64) -> ProviderCallback {
    ProviderCallback { began: Some(second(began)), ..leg(OVER, at, "{}") }
}

/// c-1's meeting ends at 1,100 s, which is received at 1,105; the next one began at 1,102.
#[tokio::test]
async fn row_52_a_meeting_that_began_before_word_of_the_last_ones_end_is_the_next_conversations() {
    for linked_at in [1101, 1103, 1106, 1150] {
        let world = World::new(); // at 1,000 s
        world.name("c-1").await;
        let wait_until = |at: u64| world.clock.advance(second(at).since(world.clock.now()));
        let link_in_time = async |before: u64| {
            if linked_at < before && world.clock.now() < second(linked_at) {
                wait_until(linked_at);
                world.name("c-2").await;
            }
        };
        link_in_time(1105).await;
        wait_until(1105);
        assert_eq!(receive(&world, &ended(1000, 1100)).await, CallbackResult::Applied);
        // Someone has answered in the next meeting, before or after its conversation named the room.
        receive(&world, &leg(CallProgress::Answered, 1103, "{}")).await;
        link_in_time(1120).await;
        wait_until(1120);
        receive(&world, &ended(1102, 1119)).await;
        link_in_time(1200).await;
        assert_eq!(world.end_of("c-1").await, Some(EventKind::Disconnected), "{linked_at}");
        assert_eq!(world.end_of("c-2").await, Some(EventKind::Completed), "{linked_at}");
        // A repeat of the first end is the first conversation's.
        assert_eq!(receive(&world, &ended(1000, 1100)).await, CallbackResult::Applied);
        assert_eq!(world.events.sent().len(), 2, "{linked_at}");
    }
}

#[tokio::test]
async fn row_52_where_the_platform_ended_a_conversation_its_time_counts() {
    let world = World::new();
    world.name("c-1").await;
    world.clock.advance(Duration::from_secs(90));
    let completion = Completion {
        account_id: sample::account(),
        conversation_id: id("c-1"),
        flow: crate::conversation::ended::CompletionFlow::Hangup,
        end: Ending::As(EventKind::Completed),
        ended_at: None,
        settle: Duration::ZERO,
        stated: ConversationPatch::default(),
        known: ConversationFields::default(),
    };
    world.callbacks.complete.run(&completion).await.unwrap(); // at 1,090 s
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(receive(&world, &ended(1085, 1100)).await, CallbackResult::Applied, "began before the hangup");
    assert_eq!(receive(&world, &ended(1091, 1110)).await, CallbackResult::Parked, "began after it");
    world.name("c-2").await;
    assert_eq!(world.end_of("c-2").await, Some(EventKind::Disconnected));
}

/// A provider's clock that is ahead, or garbage, must not keep the room for a conversation that is over.
#[tokio::test]
async fn row_52_an_end_in_the_future_has_happened_now() {
    let world = World::new();
    world.name("c-1").await;
    world.clock.advance(Duration::from_secs(100));
    receive(&world, &ended(1000, 9_999_999_999)).await;
    world.clock.advance(Duration::from_secs(60));
    world.name("c-2").await;
    receive(&world, &ended(1101, 1150)).await;
    assert_eq!(world.end_of("c-2").await, Some(EventKind::Disconnected));
}

const RECORDING: &str = r#"{"conversation_metadata":{"daily_recording_id":"r-1"}}"#;

#[tokio::test]
async fn a_recording_is_kept_after_the_end_and_sends_nothing() {
    let world = World::new();
    world.name("c-1").await;
    receive(&world, &ended(999, 1000)).await;
    receive(&world, &leg(CallProgress::Recorded, 999, RECORDING)).await;
    let record = world.record("c-1").await.unwrap();
    assert!(record.fields.to_json().contains(r#""daily_recording_id":"r-1""#));
    assert_eq!(world.events.sent().len(), 1);
    receive(&world, &leg(CallProgress::Recorded, 999, RECORDING)).await;
    assert_eq!(world.record("c-1").await.unwrap().version, record.version, "a repeat changes nothing");
}

#[tokio::test]
async fn metadata_that_has_no_room_for_a_recording_stays_as_it_is() {
    let (world, log) = (World::new(), CapturedLog::start());
    world.name("c-1").await;
    let full = format!(r#"{{"conversation_metadata":{{"k":"{}"}}}}"#, "x".repeat((16 << 10) - 20));
    receive(&world, &leg(CallProgress::Answered, 1001, &full)).await;
    let before = world.record("c-1").await.unwrap();
    let recorded = leg(CallProgress::Recorded, 1002, RECORDING);
    assert_eq!(receive(&world, &recorded).await, CallbackResult::Applied);
    assert_eq!(world.record("c-1").await.unwrap().version, before.version);
    assert_eq!(log.of("callback.metadata_dropped").len(), 1);
}

const OUT: &str = r#"{"calling_type":"OUTBOUND","to_mobile_number":"+1"}"#;

#[tokio::test]
async fn row_52_a_leg_that_failed_tells_its_numbers_only_if_no_other_is_answered() {
    for (answered, kind, number) in
        [(true, EventKind::Completed, "\"+2\""), (false, EventKind::Failed, "\"+1\"")]
    {
        let world = World::new();
        world.name("c-1").await;
        receive(&world, &leg(CallProgress::LegFailed, 1001, OUT)).await;
        receive(&world, &leg(CallProgress::LegFailed, 1001, &OUT.replace("+1", "+3"))).await;
        assert_eq!(world.end_of("c-1").await, None);
        assert_eq!(world.record("c-1").await.unwrap().fields.status(), None);
        if answered {
            receive(&world, &leg(CallProgress::Answered, 1002, &OUT.replace("+1", "+2"))).await;
        }
        receive(&world, &ended(1000, 1100)).await;
        assert_eq!(world.end_of("c-1").await, Some(kind));
        let record = world.record("c-1").await.unwrap();
        assert_eq!(record.fields.to_mobile_number.unwrap().json(), number);
    }
}

#[tokio::test]
async fn row_52_a_transfer_does_not_bring_its_number() {
    let world = World::new();
    world.name("c-1").await;
    receive(&world, &leg(CallProgress::Answered, 1001, r#"{"calling_type":"INBOUND"}"#)).await;
    receive(&world, &leg(CallProgress::Answered, 1002, OUT)).await;
    receive(&world, &leg(CallProgress::LegFailed, 1003, OUT)).await;
    receive(&world, &ended(1000, 1100)).await;
    assert_eq!(world.end_of("c-1").await, Some(EventKind::Completed));
    let record = world.record("c-1").await.unwrap();
    assert!(record.fields.to_mobile_number.is_none());
    assert_eq!(record.fields.calling_type.unwrap().text(), "INBOUND");
}
