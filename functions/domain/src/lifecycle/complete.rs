//! A conversation ends: how one event comes to be, and never a second one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::conversation::ended::CompletionFlow;
use crate::conversation::ended::Ended;
use crate::conversation::ended::LateSignal;
use crate::conversation::fields::Details;
use crate::conversation::patch::Change;
use crate::conversation::record::{Conversation, GRACE, MAX_RECORD_BYTES, ROOM_FOR_THE_END};
use crate::conversation::store::Conversations;
use crate::event::kind::EventKind;
use crate::event::message::{EventMessage, EventQueue};
use crate::event::store::EventOutbox;
use crate::lifecycle::provider_callback::End;
use crate::shared::clock::Clock;
use crate::shared::conflict::despite_conflicts;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved, Unavailable};

/// After which time the schedule sends an event whose sending was not confirmed and that nobody else sends again.
const HEAL_AFTER: Duration = Duration::from_secs(60);

/// Says that a conversation ended.
pub struct Completion {
    /// Whose it is.
    pub account_id: AccountId,
    /// Which one.
    pub conversation_id: ConversationId,
    /// Who says so.
    pub flow: CompletionFlow,
    /// How it ended.
    pub end: End,
    /// When it ended, by the clock of a provider that says so.
    pub ended_at: Option<Timestamp>,
    /// What the platform states of it: replaces what the record has.
    pub stated: Change,
    /// What was seen of it: fills what the record lacks.
    pub known: Details,
}

/// What a completion came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completed {
    /// The event is on its way; the same answer for a repeat, and for another signal of the same end.
    Accepted(Ended),
    /// It had ended otherwise before.
    EndedOtherwise(Ended),
    /// With what this signal adds, the record is larger than we keep.
    TooLarge,
}

/// Ends conversations.
#[derive(Clone)]
pub struct Complete<C, Q> {
    conversations: C,
    events: Q,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations + EventOutbox, Q: EventQueue> Complete<C, Q> {
    /// Over the record store and the queue of events.
    pub fn new(conversations: C, events: Q, clock: Arc<dyn Clock>) -> Self {
        Self { conversations, events, clock }
    }

    /// Makes the record terminal, fixes the event with the payload as it is then, and sends word of it. The first
    /// signal wins. Later ones send again if the first send was never confirmed, so a crash between the steps is
    /// healed by the caller's retry.
    pub async fn run(&self, completion: &Completion) -> Result<Completed> {
        let Completion { account_id, conversation_id, .. } = completion;
        despite_conflicts("end a conversation", || async move {
            let now = self.clock.now();
            let conversation = self
                .conversations
                .load(account_id, conversation_id)
                .await?
                .unwrap_or_else(|| Conversation::new(account_id.clone(), conversation_id.clone(), now));
            match conversation.ended.clone() {
                Some(ended) => self.later(conversation, completion, ended, now).await,
                None => self.first(conversation, completion, now).await,
            }
        })
        .await
    }

    /// What is left to do for a conversation whose time is over: to end it as failed, [`GRACE`] past its expected end, or
    /// to send the event of its end. False: there was nothing to do any more.
    pub async fn run_overdue(
        &self,
        account_id: &AccountId,
        conversation_id: &ConversationId,
    ) -> Result<bool> {
        despite_conflicts("end a conversation", || async move {
            let now = self.clock.now();
            let Some(mut conversation) = self.conversations.load(account_id, conversation_id).await? else {
                return Ok(Some(false));
            };
            if conversation.overdue_at.is_none_or(|at| now < at) {
                return Ok(Some(false));
            }
            if let Some(ended) = conversation.ended.clone() {
                self.heal(&conversation, &ended).await?;
                let settled = self.settle(&mut conversation).await?;
                return Ok((settled != Saved::Conflict).then_some(true));
            }
            let minutes = GRACE.as_secs() / 60;
            let expected = conversation.expected_end.unwrap_or_default();
            let note =
                format!("No end was reported by {minutes} minutes after its expected end ({expected}).");
            conversation.details.add_note(&note);
            let completion = Completion {
                account_id: account_id.clone(),
                conversation_id: conversation_id.clone(),
                flow: CompletionFlow::Schedule,
                end: End::As(EventKind::Failed),
                ended_at: None,
                stated: Change::default(),
                known: Details::default(),
            };
            match self.first(conversation, &completion, now).await? {
                None => Ok(None),
                Some(Completed::TooLarge) => {
                    Err(Unavailable::new("end an overdue conversation", "its record is full to the brim"))
                }
                Some(_) => Ok(Some(true)),
            }
        })
        .await
    }

    /// The event is on its way: the schedule need not look after the record any more.
    async fn settle(&self, conversation: &mut Conversation) -> Result<Saved> {
        conversation.overdue_at = None;
        self.conversations.save(conversation).await
    }

    /// The one conditional write that decides which signal wins. `None`: another writer came first, read again.
    async fn first(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        now: Timestamp,
    ) -> Result<Option<Completed>> {
        conversation.apply(&completion.stated);
        conversation.details.fill(completion.known.clone());
        if let (Some(answered), Some(ended)) = (conversation.answered_at, completion.ended_at) {
            let seconds = json!(ended.since(answered).as_secs());
            conversation.details.fill(Details::of([("conversation_duration", Some(seconds))]));
        }
        let kind = completion.end.kind(&conversation);
        let event_id = EventId::of_conversation(&conversation.account_id, &conversation.id);
        let ended = Ended { event_id, kind, flow: completion.flow, at: now };
        conversation.details.set_status(kind.into());
        conversation.ended = Some(ended.clone());
        if kind == EventKind::Completed {
            conversation.answered_at.get_or_insert(now);
        }
        let needs_care = !completion.flow.is_retried();
        conversation.overdue_at = needs_care.then_some(now + HEAL_AFTER);
        conversation.updated_at = now;
        if conversation.details.len() > MAX_RECORD_BYTES + ROOM_FOR_THE_END {
            return Ok(Some(Completed::TooLarge));
        }
        let event = conversation.lifecycle_event(&ended);
        Ok(match self.conversations.end(&conversation, &event).await? {
            Saved::Yes => {
                self.announce(&EventMessage::from(&event)).await?;
                if needs_care {
                    conversation.version += 1;
                    // If another writer came in between, the schedule settles it.
                    self.settle(&mut conversation).await?;
                }
                Some(Completed::Accepted(ended))
            }
            Saved::Conflict => None,
            Saved::TooLarge => Some(Completed::TooLarge),
        })
    }

    /// The conversation has ended before. What this signal knows besides is kept, and one of another flow or of another
    /// end is a note on the record, once for each however often it comes. `None`: read again.
    async fn later(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        ended: Ended,
        now: Timestamp,
    ) -> Result<Option<Completed>> {
        let kind = completion.end.kind(&conversation);
        let known = |note: &LateSignal| note.event == kind && note.flow == completion.flow;
        let is_repeat = (kind, completion.flow) == (ended.kind, ended.flow)
            || conversation.late_signals.iter().any(known);
        if !is_repeat {
            conversation.late_signals.push(LateSignal { event: kind, flow: completion.flow, at: now });
        }
        let before = (conversation.details.clone(), conversation.references.len());
        conversation.apply(&completion.stated);
        conversation.details.fill(completion.known.clone());
        let adds = (&conversation.details, conversation.references.len()) != (&before.0, before.1);
        if adds && conversation.details.len() > MAX_RECORD_BYTES + ROOM_FOR_THE_END {
            return Ok(Some(Completed::TooLarge));
        }
        if adds || !is_repeat {
            conversation.updated_at = now;
            match self.conversations.save(&conversation).await? {
                Saved::Conflict => return Ok(None),
                Saved::TooLarge if adds => return Ok(Some(Completed::TooLarge)),
                // A record that is full to the brim keeps its end; only the note is dropped.
                Saved::Yes | Saved::TooLarge => {}
            }
        }
        self.heal(&conversation, &ended).await?;
        Ok(Some(if kind == ended.kind {
            Completed::Accepted(ended)
        } else {
            Completed::EndedOtherwise(ended)
        }))
    }

    /// Sends the event of an end if its first send was never confirmed.
    async fn heal(&self, conversation: &Conversation, ended: &Ended) -> Result<()> {
        let message = EventMessage {
            v: crate::event::message::Version,
            account_id: conversation.account_id.clone(),
            event_id: ended.event_id.clone(),
            conversation_id: conversation.id.clone(),
            event: ended.kind,
            accepted_at: ended.at,
        };
        if self.conversations.is_announced(&message.account_id, &message.event_id).await? {
            return Ok(());
        }
        self.announce(&message).await
    }

    async fn announce(&self, message: &EventMessage) -> Result<()> {
        self.events.send(message).await?;
        tracing::info!(
            account_id = %message.account_id,
            event_id = %message.event_id,
            conversation_id = %message.conversation_id,
            event = message.event.as_str(),
            "event.accepted"
        );
        self.conversations.mark_announced(&message.account_id, &message.event_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::store::ConversationLookup;
    use crate::testing::fakes::{ManualClock, MemoryConversations, MemoryQueue, sample};

    fn completion(end: End, flow: CompletionFlow) -> Completion {
        Completion {
            account_id: sample::account(),
            conversation_id: sample::conversation_id(),
            flow,
            end,
            ended_at: None,
            stated: Change::default(),
            known: Details::default(),
        }
    }

    const COMPLETED: End = End::As(EventKind::Completed);

    fn details(json: &str) -> Details {
        Details::parse(serde_json::from_str(json).unwrap()).unwrap()
    }

    struct World {
        complete: Complete<MemoryConversations, MemoryQueue<EventMessage>>,
        events: MemoryQueue<EventMessage>,
        clock: ManualClock,
    }

    impl World {
        fn new() -> Self {
            let (events, clock) = (MemoryQueue::default(), ManualClock::new(1_000));
            let complete =
                Complete::new(MemoryConversations::default(), events.clone(), Arc::new(clock.clone()));
            Self { complete, events, clock }
        }

        async fn end(&self, end: End, flow: CompletionFlow) -> Completed {
            self.complete.run(&completion(end, flow)).await.unwrap()
        }

        async fn record(&self) -> Conversation {
            let (account, id) = (sample::account(), sample::conversation_id());
            self.complete.conversations.load(&account, &id).await.unwrap().unwrap()
        }

        /// A conversation under way, as the platform states it.
        async fn begin(&self, change: &Change) {
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
        assert!(matches!(world.end(COMPLETED, CompletionFlow::Twilio).await, Completed::Accepted(_)));
        assert_eq!(world.events.sent().len(), 1);
    }

    #[tokio::test]
    async fn the_first_signal_wins_and_each_loser_is_one_note() {
        let world = World::new();
        world.end(COMPLETED, CompletionFlow::Hangup).await;
        for _ in 0..2 {
            let same = world.end(COMPLETED, CompletionFlow::Daily).await;
            assert!(matches!(same, Completed::Accepted(Ended { kind: EventKind::Completed, .. })));
            let other = world.end(End::As(EventKind::Failed), CompletionFlow::Twilio).await;
            assert!(matches!(other, Completed::EndedOtherwise(Ended { kind: EventKind::Completed, .. })));
        }
        assert_eq!(world.events.sent().len(), 1);
        let notes = world.record().await.late_signals;
        let notes: Vec<_> = notes.iter().map(|note| (note.event, note.flow)).collect();
        assert_eq!(
            notes,
            [(EventKind::Completed, CompletionFlow::Daily), (EventKind::Failed, CompletionFlow::Twilio)]
        );
        world.end(End::As(EventKind::Failed), CompletionFlow::Daily).await;
        assert_eq!(world.record().await.late_signals.len(), 3, "another end of a flow that is noted, too");
    }

    #[tokio::test]
    async fn a_transcript_that_comes_after_the_end_is_kept() {
        let world = World::new();
        world.end(COMPLETED, CompletionFlow::Twilio).await;
        let mut hangup = completion(COMPLETED, CompletionFlow::Hangup);
        hangup.stated.details = details(r#"{"conversation_transcript":[1],"conversation_status":"FAILED"}"#);
        hangup.known = details(r#"{"conversation_duration":5}"#);
        world.complete.run(&hangup).await.unwrap();
        let record = world.record().await;
        assert_eq!(record.details.get("conversation_transcript"), Some("[1]"));
        assert_eq!(record.details.get("conversation_duration"), Some("5"));
        assert_eq!(record.details.get("conversation_status"), Some("\"COMPLETED\""));
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
            let ended = world.end(End::ByAnswer, CompletionFlow::Daily).await;
            assert!(matches!(ended, Completed::Accepted(ended) if ended.kind == kind), "{answered:?}");
        }
    }

    #[tokio::test]
    async fn a_conversation_whose_end_nobody_reports_fails_ten_minutes_after_it_was_expected() {
        let world = World::new();
        let expected = world.clock.now() + std::time::Duration::from_secs(60);
        let details = details(r#"{"notes":"call back"}"#);
        world.begin(&Change { details, expected_end: Some(Some(expected)), ..Change::default() }).await;
        let overdue =
            async || world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await;
        let millisecond = std::time::Duration::from_millis(1);
        world.clock.advance(expected.since(world.clock.now()) + GRACE - millisecond);
        assert!(!overdue().await.unwrap());
        world.clock.advance(millisecond);
        assert!(overdue().await.unwrap());
        assert!(!overdue().await.unwrap());
        assert_eq!(world.events.sent().len(), 1);
        let record = world.record().await;
        assert_eq!(record.ended.unwrap().kind, EventKind::Failed);
        assert_eq!(
            record.details.get("notes"),
            Some(
                r#""call back\nNo end was reported by 10 minutes after its expected end (1970-01-01T00:01:01.000Z).""#
            )
        );
    }

    #[tokio::test]
    async fn the_schedule_sends_what_nobody_else_would_send_again() {
        for flow in [CompletionFlow::Daily, CompletionFlow::Twilio, CompletionFlow::Schedule] {
            let world = World::new();
            world.events.fail_next();
            world.complete.run(&completion(COMPLETED, flow)).await.unwrap_err();
            // Whatever the platform says of an expected end meanwhile.
            let mut conversation = world.record().await;
            conversation.apply(&Change { expected_end: Some(None), ..Change::default() });
            world.complete.conversations.save(&conversation).await.unwrap();
            let overdue = async || {
                world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await.unwrap()
            };
            assert!(!overdue().await, "not at once: the first sender may still be at it");
            world.clock.advance(HEAL_AFTER);
            assert!(overdue().await);
            assert_eq!(world.events.sent().len(), 1, "{flow:?}");
            assert!(!overdue().await);
        }
        let world = World::new();
        world.end(COMPLETED, CompletionFlow::Daily).await;
        assert_eq!(world.record().await.overdue_at, None, "nothing to look after");
        // Whoever is told of the failure says it again, and the index of what is overdue holds nothing in vain.
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
            world.end(End::As(kind), CompletionFlow::Hangup).await;
            assert_eq!(world.record().await.answered_at.is_some(), answered, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn a_record_that_is_full_to_the_brim_can_still_end() {
        let world = World::new();
        let long = "x".repeat(MAX_RECORD_BYTES - 30);
        world
            .begin(&Change { details: details(&format!(r#"{{"notes":"{long}"}}"#)), ..Change::default() })
            .await;
        assert!(matches!(world.end(COMPLETED, CompletionFlow::Twilio).await, Completed::Accepted(_)));
    }

    #[tokio::test]
    async fn an_end_that_brings_more_than_a_record_holds_ends_nothing() {
        let world = World::new();
        let long = "x".repeat(MAX_RECORD_BYTES + ROOM_FOR_THE_END);
        let stated = Change { details: details(&format!(r#"{{"notes":"{long}"}}"#)), ..Change::default() };
        let completion = Completion { stated, ..completion(COMPLETED, CompletionFlow::Hangup) };
        assert!(matches!(world.complete.run(&completion).await.unwrap(), Completed::TooLarge));
        assert!(world.events.sent().is_empty());
    }

    /// Notes with which a conversation that ended as [`COMPLETED`] has so many bytes.
    async fn notes_filling(bytes: usize) -> Details {
        let world = World::new();
        world.end(COMPLETED, CompletionFlow::Hangup).await;
        let mut filled = world.record().await.details;
        filled.merge(details(r#"{"notes":""}"#));
        details(&format!(r#"{{"notes":"{}"}}"#, "x".repeat(bytes - filled.len())))
    }

    const LIMIT: usize = MAX_RECORD_BYTES + ROOM_FOR_THE_END;

    #[tokio::test]
    async fn an_end_takes_a_record_up_to_its_limit() {
        for (bytes, is_accepted) in [(LIMIT, true), (LIMIT + 1, false)] {
            let mut with_notes = completion(COMPLETED, CompletionFlow::Hangup);
            with_notes.stated.details = notes_filling(bytes).await;
            let completed = World::new().complete.run(&with_notes).await.unwrap();
            assert_eq!(matches!(completed, Completed::Accepted(_)), is_accepted, "{bytes}: {completed:?}");
        }
    }

    #[tokio::test]
    async fn what_comes_after_the_end_takes_a_record_up_to_its_limit() {
        for (bytes, is_accepted) in [(LIMIT, true), (LIMIT + 1, false)] {
            let world = World::new();
            world.end(COMPLETED, CompletionFlow::Hangup).await;
            let mut with_notes = completion(COMPLETED, CompletionFlow::Hangup);
            with_notes.stated.details = notes_filling(bytes).await;
            let completed = world.complete.run(&with_notes).await.unwrap();
            assert_eq!(matches!(completed, Completed::Accepted(_)), is_accepted, "{bytes}: {completed:?}");
            assert_eq!(world.record().await.details.get("notes").is_some(), is_accepted);
            let late = world.end(COMPLETED, CompletionFlow::Daily).await;
            assert!(matches!(late, Completed::Accepted(_)), "it adds nothing but a note");
            assert_eq!(world.record().await.late_signals.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_record_that_takes_no_more_refuses_what_would_be_lost_and_drops_a_note() {
        let world = World::new();
        world.end(COMPLETED, CompletionFlow::Hangup).await;
        world.complete.conversations.take_no_more();
        let late = world.end(End::As(EventKind::Failed), CompletionFlow::Daily).await;
        assert!(matches!(late, Completed::EndedOtherwise(_)), "{late:?}");
        let mut with_notes = completion(COMPLETED, CompletionFlow::Hangup);
        with_notes.stated.details = details(r#"{"notes":"call back"}"#);
        assert_eq!(world.complete.run(&with_notes).await.unwrap(), Completed::TooLarge);
    }

    #[tokio::test]
    async fn a_duration_is_counted_from_the_answer_where_nobody_states_one() {
        let world = World::new();
        let mut conversation =
            Conversation::new(sample::account(), sample::conversation_id(), world.clock.now());
        conversation.answered_at = Some(Timestamp::from_millis(1_000));
        world.complete.conversations.save(&conversation).await.unwrap();
        let mut stopped = completion(End::ByAnswer, CompletionFlow::Daily);
        stopped.ended_at = Some(Timestamp::from_millis(143_900));
        world.complete.run(&stopped).await.unwrap();
        assert_eq!(world.record().await.details.get("conversation_duration"), Some("142"));
    }

    #[tokio::test]
    async fn a_conversation_that_ended_in_time_is_not_overdue() {
        let world = World::new();
        let expected = world.clock.now();
        world.begin(&Change { expected_end: Some(Some(expected)), ..Change::default() }).await;
        world.end(COMPLETED, CompletionFlow::Hangup).await;
        world.clock.advance(2 * GRACE);
        assert!(!world.complete.run_overdue(&sample::account(), &sample::conversation_id()).await.unwrap());
        assert_eq!(world.record().await.ended.unwrap().kind, EventKind::Completed);
    }
}
