use super::*;
use crate::conversation::record::TELL_AFTER;
use crate::conversation::status::ConversationStatus;
use crate::conversation::store::ConversationLookup;
use crate::conversation::value::{List, Seconds, Text};
use crate::testing::fakes::{
    ManualClock, MemoryConversations, MemoryEvents, MemoryQueue, RETENTION, SeededRandomness, sample,
};

fn completion(end: Ending, flow: CompletionFlow) -> Completion {
    Completion {
        account_id: sample::account(),
        conversation_id: sample::conversation_id(),
        flow,
        end,
        ended_at: None,
        settle: Duration::ZERO,
        stated: ConversationPatch::default(),
        known: ConversationFields::default(),
    }
}

const COMPLETED: Ending = Ending::As(EventKind::Completed);

fn fields(json: &str) -> ConversationFields {
    ConversationFields::parse(serde_json::from_str(json).unwrap()).unwrap()
}

struct World {
    complete: Complete<MemoryConversations, MemoryQueue<EventMessage>, MemoryEvents>,
    events: MemoryQueue<EventMessage>,
    stored: MemoryEvents,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        let (events, stored, clock) =
            (MemoryQueue::default(), MemoryEvents::default(), ManualClock::new(1_000));
        let complete = Complete::new(
            MemoryConversations::default(),
            events.clone(),
            stored.clone(),
            sample::SPANS,
            Arc::new(clock.clone()),
            Arc::new(SeededRandomness::new(7)),
        );
        Self { complete, events, stored, clock }
    }

    async fn end(&self, end: Ending, flow: CompletionFlow) -> CompletionResult {
        self.complete.run(&completion(end, flow)).await.unwrap()
    }

    async fn record(&self) -> Conversation {
        let (account, id) = (sample::account(), sample::conversation_id());
        self.complete.conversations.load(&account, &id).await.unwrap().kept().unwrap()
    }

    /// Fan-out lets the event of the current end leave.
    async fn leave(&self) {
        let record = crate::lifecycle::freeze::sealed(self.record().await);
        assert_eq!(self.complete.conversations.save(&record).await.unwrap(), Saved::Yes);
        self.stored.put(record.lifecycle_event(record.ended.as_ref().unwrap(), self.clock.now()));
    }

    async fn words(&self) -> Vec<Token> {
        self.record().await.ended.unwrap().words
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
async fn a_repeat_gets_the_same_answer_and_sends_nothing_once_the_event_has_left() {
    let world = World::new();
    let first = world.end(COMPLETED, CompletionFlow::Hangup).await;
    world.leave().await;
    assert_eq!(world.end(COMPLETED, CompletionFlow::Hangup).await, first);
    assert_eq!(world.events.sent().len(), 1);
    assert!(world.record().await.late_signals.is_empty());
}

#[tokio::test]
async fn row_54_a_repeat_of_the_platforms_heals_a_send_that_failed_until_the_retention_is_over() {
    let world = World::new();
    world.events.fail_next();
    world.complete.run(&completion(COMPLETED, CompletionFlow::Hangup)).await.unwrap_err();
    world.end(COMPLETED, CompletionFlow::Twilio).await;
    assert!(world.events.sent().is_empty(), "a provider does not know");
    assert!(matches!(world.end(COMPLETED, CompletionFlow::Hangup).await, CompletionResult::Accepted(_)));
    assert_eq!(world.events.sent()[0].word, world.words().await[0]);
    world.clock.advance(RETENTION);
    world.end(COMPLETED, CompletionFlow::Hangup).await;
    assert_eq!(world.events.sent().len(), 1);
}

#[tokio::test]
async fn the_platforms_word_is_final_at_once_and_each_loser_is_one_note() {
    let world = World::new();
    world.end(COMPLETED, CompletionFlow::Hangup).await;
    world.leave().await;
    for _ in 0..2 {
        let same = world.end(COMPLETED, CompletionFlow::Daily).await;
        assert!(matches!(same, CompletionResult::Accepted(Ended { kind: EventKind::Completed, .. })));
        let other = world.end(Ending::As(EventKind::Failed), CompletionFlow::EventBridge).await;
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
        [(EventKind::Completed, CompletionFlow::Daily), (EventKind::Failed, CompletionFlow::EventBridge)]
    );
    world.end(Ending::As(EventKind::Failed), CompletionFlow::Daily).await;
    assert_eq!(world.record().await.late_signals.len(), 3, "another end of a flow that is already noted");
}

/// Each report that comes while the end settles: whether it decides, and when the end settles then.
#[tokio::test]
async fn row_53_what_the_platform_says_while_an_end_settles_decides() {
    use CompletionFlow::{Daily, Hangup, Schedule, Twilio};
    let (zero, minute) = (Duration::ZERO, Duration::from_secs(60));
    for (first, later, decides, settles_in) in [
        ((Twilio, zero), (Daily, zero), false, Some(10)),
        ((Twilio, zero), (Hangup, zero), true, None),
        ((Twilio, zero), (Hangup, minute), true, Some(63)),
        ((Schedule, zero), (Twilio, zero), false, Some(10)),
        ((Schedule, zero), (Hangup, zero), true, None),
        ((Hangup, minute), (Twilio, zero), false, Some(60)),
        ((Hangup, minute), (Hangup, minute), false, Some(60)),
        ((Hangup, minute), (Hangup, zero), true, None),
        ((Hangup, zero), (Hangup, minute), false, None),
    ] {
        let world = World::new();
        let at = world.clock.now();
        let failed = Ending::As(EventKind::Failed);
        world.complete.run(&Completion { settle: first.1, ..completion(failed, first.0) }).await.unwrap();
        world.clock.advance(Duration::from_secs(3));
        world.complete.run(&Completion { settle: later.1, ..completion(COMPLETED, later.0) }).await.unwrap();
        let ended = world.record().await.ended.unwrap();
        let case = format!("{first:?} {later:?}");
        let (kind, flow) =
            if decides { (EventKind::Completed, later.0) } else { (EventKind::Failed, first.0) };
        assert_eq!((ended.kind, ended.flow), (kind, flow), "{case}");
        assert_eq!(ended.settles_at, settles_in.map(|seconds| at + Duration::from_secs(seconds)), "{case}");
        assert_eq!((ended.at, ended.until), (at, at + RETENTION), "the first report's");
        assert_eq!(ended.words.len(), 1 + usize::from(decides), "{case}");
        assert_eq!(world.record().await.late_signals.len(), 1, "{case}");
    }
}

/// A word that settles has its message before it is written; the message outlives the invocation that sent it.
#[tokio::test]
async fn a_message_is_sent_before_a_word_that_settles_and_after_one_that_is_final() {
    for (flow, settle, waits) in [
        (CompletionFlow::Twilio, 0, 12),
        (CompletionFlow::Hangup, 5, 12),
        (CompletionFlow::Hangup, 300, 300),
        (CompletionFlow::Hangup, 0, 0),
    ] {
        let world = World::new();
        let settle = Duration::from_secs(settle);
        world.complete.run(&Completion { settle, ..completion(COMPLETED, flow) }).await.unwrap();
        let [message] = &world.events.sent()[..] else { panic!("one message") };
        assert_eq!(message.settle.duration().as_secs(), waits);
        assert_eq!(std::slice::from_ref(&message.word), world.words().await);

        let world = World::new();
        world.complete.conversations.refuse_as_too_large();
        world.complete.run(&Completion { settle, ..completion(COMPLETED, flow) }).await.unwrap();
        assert_eq!(world.events.sent().len(), usize::from(waits > 0), "its write was refused");
    }
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
    assert_eq!(record.fields.conversation_transcript.as_ref().map(List::json), Some("[1]"));
    assert_eq!(record.fields.conversation_duration.as_ref().map(Seconds::json), Some("5"));
    assert_eq!(record.fields.status(), Some(ConversationStatus::Completed));
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
        record.fields.notes.as_ref().map(Text::json),
        Some(
            r#""call back\nNo end was reported within 10 minutes after its expected end (1970-01-01T00:01:01.000Z).""#
        )
    );
}

/// A word that settles is never without a message: the schedule sends one that could not be sent.
#[tokio::test]
async fn the_schedule_sends_what_could_not_be_sent() {
    for flow in [CompletionFlow::Daily, CompletionFlow::Twilio, CompletionFlow::Schedule] {
        let world = World::new();
        world.events.fail_next();
        assert!(matches!(world.end(COMPLETED, flow).await, CompletionResult::Accepted(_)));
        // Even if the platform withdraws the expected end meanwhile.
        let mut conversation = world.record().await;
        conversation.apply(&ConversationPatch { expected_end: Some(None), ..ConversationPatch::default() });
        world.complete.conversations.save(&conversation).await.unwrap();
        let overdue = async || {
            world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await.unwrap()
        };
        overdue().await;
        assert!(world.events.sent().is_empty(), "not before it settles");
        world.clock.advance(sample::SPANS.settle + TELL_AFTER);
        assert!(!overdue().await, "it has ended before");
        assert_eq!(world.events.sent().len(), 1, "{flow:?}");
        assert_eq!(world.events.sent()[0].word, world.words().await[0]);
        world.leave().await;
        overdue().await;
        assert_eq!(world.events.sent().len(), 1, "{flow:?}: fan-out takes it off the schedule");
    }
    for flow in [CompletionFlow::Daily, CompletionFlow::Hangup] {
        let world = World::new();
        world.end(COMPLETED, flow).await;
        assert_eq!(world.record().await.overdue_at, None, "nothing left for the schedule");
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
        assert_eq!(world.record().await.fields.notes.is_some(), is_accepted);
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
    assert_eq!(world.record().await.fields.conversation_duration.unwrap().json(), "142");
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
