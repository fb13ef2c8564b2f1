use super::*;
use crate::conversation::store::ConversationLookup;
use crate::testing::fakes::{ManualClock, MemoryConversations, MemoryQueue, sample};

fn completion(end: Ending, flow: CompletionFlow) -> Completion {
    Completion {
        account_id: sample::account(),
        conversation_id: sample::conversation_id(),
        flow,
        end,
        ended_at: None,
        stated: ConversationPatch::default(),
        known: ConversationFields::default(),
    }
}

const COMPLETED: Ending = Ending::As(EventKind::Completed);

fn fields(json: &str) -> ConversationFields {
    ConversationFields::parse(serde_json::from_str(json).unwrap()).unwrap()
}

struct World {
    complete: Complete<MemoryConversations, MemoryQueue<EventMessage>>,
    events: MemoryQueue<EventMessage>,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        let (events, clock) = (MemoryQueue::default(), ManualClock::new(1_000));
        let complete = Complete::new(MemoryConversations::default(), events.clone(), Arc::new(clock.clone()));
        Self { complete, events, clock }
    }

    async fn end(&self, end: Ending, flow: CompletionFlow) -> CompletionResult {
        self.complete.run(&completion(end, flow)).await.unwrap()
    }

    async fn record(&self) -> Conversation {
        let (account, id) = (sample::account(), sample::conversation_id());
        self.complete.conversations.load(&account, &id).await.unwrap().unwrap()
    }

    /// A conversation under way, as the platform states it.
    async fn begin(&self, change: &ConversationPatch) {
        let mut conversation =
            Conversation::new(sample::account(), sample::conversation_id(), self.clock.now());
        conversation.apply(change);
        assert_eq!(self.complete.conversations.save(&conversation).await.unwrap(), Saved::Yes);
    }
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_sends_nothing() {
    let world = World::new();
    let first = world.end(COMPLETED, CompletionFlow::Hangup).await;
    assert_eq!(world.end(COMPLETED, CompletionFlow::Hangup).await, first);
    assert_eq!(world.events.sent().len(), 1);
    assert!(world.record().await.late_signals.is_empty());
}

#[tokio::test]
async fn a_repeat_heals_a_send_that_failed() {
    let world = World::new();
    world.events.fail_next();
    world.complete.run(&completion(COMPLETED, CompletionFlow::Hangup)).await.unwrap_err();
    assert!(matches!(world.end(COMPLETED, CompletionFlow::Twilio).await, CompletionResult::Accepted(_)));
    assert_eq!(world.events.sent().len(), 1);
}

#[tokio::test]
async fn the_first_signal_wins_and_each_loser_is_one_note() {
    let world = World::new();
    world.end(COMPLETED, CompletionFlow::Hangup).await;
    for _ in 0..2 {
        let same = world.end(COMPLETED, CompletionFlow::Daily).await;
        assert!(matches!(same, CompletionResult::Accepted(Ended { kind: EventKind::Completed, .. })));
        let other = world.end(Ending::As(EventKind::Failed), CompletionFlow::Twilio).await;
        assert!(matches!(
            other,
            CompletionResult::EndedDifferently(Ended { kind: EventKind::Completed, .. })
        ));
    }
    assert_eq!(world.events.sent().len(), 1);
    let notes = world.record().await.late_signals;
    let notes: Vec<_> = notes.iter().map(|note| (note.event, note.flow)).collect();
    assert_eq!(
        notes,
        [(EventKind::Completed, CompletionFlow::Daily), (EventKind::Failed, CompletionFlow::Twilio)]
    );
    world.end(Ending::As(EventKind::Failed), CompletionFlow::Daily).await;
    assert_eq!(world.record().await.late_signals.len(), 3, "another end of a flow that is already noted");
}

#[tokio::test]
async fn a_transcript_that_comes_after_the_end_is_kept() {
    let world = World::new();
    world.end(COMPLETED, CompletionFlow::Twilio).await;
    let mut hangup = completion(COMPLETED, CompletionFlow::Hangup);
    hangup.stated.fields = fields(r#"{"conversation_transcript":[1],"conversation_status":"FAILED"}"#);
    hangup.known = fields(r#"{"conversation_duration":5}"#);
    world.complete.run(&hangup).await.unwrap();
    let record = world.record().await;
    assert_eq!(record.fields.get("conversation_transcript"), Some("[1]"));
    assert_eq!(record.fields.get("conversation_duration"), Some("5"));
    assert_eq!(record.fields.get("conversation_status"), Some("\"COMPLETED\""));
    let version = record.version;
    world.complete.run(&hangup).await.unwrap();
    assert_eq!(world.record().await.version, version, "a repeat changes nothing");
}

#[tokio::test]
async fn an_end_that_depends_on_an_answer_asks_the_record() {
    let now = Timestamp::from_millis(1);
    for (answered, kind) in [(Some(now), EventKind::Completed), (None, EventKind::Disconnected)] {
        let world = World::new();
        let mut conversation =
            Conversation::new(sample::account(), sample::conversation_id(), world.clock.now());
        conversation.answered_at = answered;
        world.complete.conversations.save(&conversation).await.unwrap();
        let ended = world.end(Ending::ByAnswer, CompletionFlow::Daily).await;
        assert!(matches!(ended, CompletionResult::Accepted(ended) if ended.kind == kind), "{answered:?}");
    }
}

#[tokio::test]
async fn a_conversation_whose_end_nobody_reports_fails_ten_minutes_after_it_was_expected() {
    let world = World::new();
    let expected = world.clock.now() + std::time::Duration::from_secs(60);
    let fields = fields(r#"{"notes":"call back"}"#);
    world
        .begin(&ConversationPatch {
            fields,
            expected_end: Some(Some(expected)),
            ..ConversationPatch::default()
        })
        .await;
    let overdue = async || world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await;
    let millisecond = std::time::Duration::from_millis(1);
    world.clock.advance(expected.since(world.clock.now()) + OVERDUE_GRACE - millisecond);
    assert!(!overdue().await.unwrap());
    world.clock.advance(millisecond);
    assert!(overdue().await.unwrap());
    assert!(!overdue().await.unwrap());
    assert_eq!(world.events.sent().len(), 1);
    let record = world.record().await;
    assert_eq!(record.ended.unwrap().kind, EventKind::Failed);
    assert_eq!(
        record.fields.get("notes"),
        Some(
            r#""call back\nNo end was reported within 10 minutes after its expected end (1970-01-01T00:01:01.000Z).""#
        )
    );
}

#[tokio::test]
async fn the_schedule_sends_what_nobody_else_would_send_again() {
    for flow in [CompletionFlow::Daily, CompletionFlow::Twilio, CompletionFlow::Schedule] {
        let world = World::new();
        world.events.fail_next();
        world.complete.run(&completion(COMPLETED, flow)).await.unwrap_err();
        // Even if the platform withdraws the expected end meanwhile.
        let mut conversation = world.record().await;
        conversation.apply(&ConversationPatch { expected_end: Some(None), ..ConversationPatch::default() });
        world.complete.conversations.save(&conversation).await.unwrap();
        let overdue = async || {
            world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await.unwrap()
        };
        assert!(!overdue().await, "not at once: the first sender may still be sending");
        world.clock.advance(ANNOUNCE_AFTER);
        assert!(overdue().await);
        assert_eq!(world.events.sent().len(), 1, "{flow:?}");
        assert!(!overdue().await);
    }
    let world = World::new();
    world.end(COMPLETED, CompletionFlow::Daily).await;
    assert_eq!(world.record().await.overdue_at, None, "nothing left for the schedule");
    // A source that learns of the failure repeats its report, so the index of overdue conversations needs no entry.
    for flow in [
        CompletionFlow::Hangup,
        CompletionFlow::OutboundCall,
        CompletionFlow::EventBridge,
        CompletionFlow::Test,
    ] {
        let world = World::new();
        world.events.fail_next();
        world.complete.run(&completion(COMPLETED, flow)).await.unwrap_err();
        assert_eq!(world.record().await.overdue_at, None, "{flow:?}");
    }
}

#[tokio::test]
async fn a_completed_conversation_was_answered_and_a_disconnected_one_was_not() {
    for (kind, answered) in
        [(EventKind::Completed, true), (EventKind::Disconnected, false), (EventKind::Failed, false)]
    {
        let world = World::new();
        world.end(Ending::As(kind), CompletionFlow::Hangup).await;
        assert_eq!(world.record().await.answered_at.is_some(), answered, "{kind:?}");
    }
}

#[tokio::test]
async fn a_record_that_is_full_to_the_brim_can_still_end() {
    let world = World::new();
    let long = "x".repeat(MAX_RECORD_BYTES - 30);
    world
        .begin(&ConversationPatch {
            fields: fields(&format!(r#"{{"notes":"{long}"}}"#)),
            ..ConversationPatch::default()
        })
        .await;
    assert!(matches!(world.end(COMPLETED, CompletionFlow::Twilio).await, CompletionResult::Accepted(_)));
}

#[tokio::test]
async fn an_end_that_brings_more_than_a_record_holds_ends_nothing() {
    let world = World::new();
    let long = "x".repeat(MAX_RECORD_BYTES + ENDING_RESERVE_BYTES);
    let stated = ConversationPatch {
        fields: fields(&format!(r#"{{"notes":"{long}"}}"#)),
        ..ConversationPatch::default()
    };
    let completion = Completion { stated, ..completion(COMPLETED, CompletionFlow::Hangup) };
    assert!(matches!(world.complete.run(&completion).await.unwrap(), CompletionResult::TooLarge));
    assert!(world.events.sent().is_empty());
}

/// Notes that fill a conversation, ended as [`COMPLETED`], to this many bytes.
async fn notes_filling(bytes: usize) -> ConversationFields {
    let world = World::new();
    world.end(COMPLETED, CompletionFlow::Hangup).await;
    let mut filled = world.record().await.fields;
    filled.merge(fields(r#"{"notes":""}"#));
    fields(&format!(r#"{{"notes":"{}"}}"#, "x".repeat(bytes - filled.len())))
}

const LIMIT: usize = MAX_RECORD_BYTES + ENDING_RESERVE_BYTES;

#[tokio::test]
async fn an_end_takes_a_record_up_to_its_limit() {
    for (bytes, is_accepted) in [(LIMIT, true), (LIMIT + 1, false)] {
        let mut with_notes = completion(COMPLETED, CompletionFlow::Hangup);
        with_notes.stated.fields = notes_filling(bytes).await;
        let completed = World::new().complete.run(&with_notes).await.unwrap();
        assert_eq!(matches!(completed, CompletionResult::Accepted(_)), is_accepted, "{bytes}: {completed:?}");
    }
}

#[tokio::test]
async fn what_comes_after_the_end_takes_a_record_up_to_its_limit() {
    for (bytes, is_accepted) in [(LIMIT, true), (LIMIT + 1, false)] {
        let world = World::new();
        world.end(COMPLETED, CompletionFlow::Hangup).await;
        let mut with_notes = completion(COMPLETED, CompletionFlow::Hangup);
        with_notes.stated.fields = notes_filling(bytes).await;
        let completed = world.complete.run(&with_notes).await.unwrap();
        assert_eq!(matches!(completed, CompletionResult::Accepted(_)), is_accepted, "{bytes}: {completed:?}");
        assert_eq!(world.record().await.fields.get("notes").is_some(), is_accepted);
        let late = world.end(COMPLETED, CompletionFlow::Daily).await;
        assert!(matches!(late, CompletionResult::Accepted(_)), "it adds nothing but a note");
        assert_eq!(world.record().await.late_signals.len(), 1);
    }
}

#[tokio::test]
async fn a_record_that_takes_no_more_refuses_what_would_be_lost_and_drops_a_note() {
    let world = World::new();
    world.end(COMPLETED, CompletionFlow::Hangup).await;
    world.complete.conversations.refuse_as_too_large();
    let late = world.end(Ending::As(EventKind::Failed), CompletionFlow::Daily).await;
    assert!(matches!(late, CompletionResult::EndedDifferently(_)), "{late:?}");
    let mut with_notes = completion(COMPLETED, CompletionFlow::Hangup);
    with_notes.stated.fields = fields(r#"{"notes":"call back"}"#);
    assert_eq!(world.complete.run(&with_notes).await.unwrap(), CompletionResult::TooLarge);
}

#[tokio::test]
async fn a_duration_is_counted_from_the_answer_where_nobody_states_one() {
    let world = World::new();
    let mut conversation = Conversation::new(sample::account(), sample::conversation_id(), world.clock.now());
    conversation.answered_at = Some(Timestamp::from_millis(1_000));
    world.complete.conversations.save(&conversation).await.unwrap();
    let mut stopped = completion(Ending::ByAnswer, CompletionFlow::Daily);
    stopped.ended_at = Some(Timestamp::from_millis(143_900));
    world.complete.run(&stopped).await.unwrap();
    assert_eq!(world.record().await.fields.get("conversation_duration"), Some("142"));
}

#[tokio::test]
async fn a_conversation_that_ended_in_time_is_not_overdue() {
    let world = World::new();
    let expected = world.clock.now();
    world
        .begin(&ConversationPatch { expected_end: Some(Some(expected)), ..ConversationPatch::default() })
        .await;
    world.end(COMPLETED, CompletionFlow::Hangup).await;
    world.clock.advance(2 * OVERDUE_GRACE);
    assert!(!world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await.unwrap());
    assert_eq!(world.record().await.ended.unwrap().kind, EventKind::Completed);
}
