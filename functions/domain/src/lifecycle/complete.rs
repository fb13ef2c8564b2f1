//! Ends a conversation, by the report that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::conversation::ended::{CompletionFlow, Ended, Rank};
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::record::{Conversation, ENDING_RESERVE_BYTES, MAX_RECORD_BYTES, OVERDUE_GRACE};
use crate::conversation::store::{Conversations, Stored};
use crate::event::kind::EventKind;
use crate::event::message::{EventMessage, EventQueue, Version};
use crate::event::store::EventLookup;
use crate::lifecycle::completion::{Change, Completion, Spans, add, end};
use crate::lifecycle::provider_callback::Ending;
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::invalid::Invalid;
use crate::shared::randomness::Randomness;
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;
use crate::shared::unavailable::{Result, Saved, Unavailable};
use crate::shared::wait::Wait;

/// How long a message that is sent before its write waits at least: an invocation lasts ten seconds at most, so that a
/// crash between the two loses nothing.
const SENT_BEFORE_THE_WRITE: Duration = Duration::from_secs(12);

/// The result of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionResult {
    /// The event leaves when the end has settled. Also returned for a repeat, and for another report of the same end.
    Accepted(Ended),
    /// The conversation had already ended differently.
    EndedDifferently(Ended),
    /// With what this report adds, the record would exceed the limit.
    TooLarge,
    /// The report adds a reference or metadata to a conversation that has as much as it can have.
    Refused(Invalid),
    /// The conversation was deleted, and its id is free again at this time.
    Forgotten(Timestamp),
}

/// Ends conversations.
#[derive(Clone)]
pub struct Complete<C, Q, L> {
    conversations: C,
    events: Q,
    lookup: L,
    spans: Spans,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

/// One report's way to the record.
struct Word {
    token: Token,
    /// Whether its message was sent before its write.
    is_sent: AtomicBool,
    /// Whether it has glanced at the record.
    has_glanced: AtomicBool,
}

impl<C: Conversations, Q: EventQueue, L: EventLookup> Complete<C, Q, L> {
    /// Creates the step from its ports.
    pub fn new(
        conversations: C,
        events: Q,
        lookup: L,
        spans: Spans,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        Self { conversations, events, lookup, spans, clock, randomness }
    }

    /// Ends the record and tells fan-out, which lets the event leave once the end has settled. The first report of the
    /// highest rank decides; later ones add to the record.
    ///
    /// Most final reports find a record that has not ended, or none, and write it on the condition that this is so. So a
    /// glance is enough at first; whatever else it sees is looked at again.
    pub async fn run(&self, completion: &Completion) -> Result<CompletionResult> {
        let Completion { account_id, conversation_id, .. } = completion;
        let word = &self.word();
        retry_on_conflict("end a conversation", || async move {
            let now = self.clock.now();
            let is_glance =
                completion.rank() == Rank::Final && !word.has_glanced.swap(true, Ordering::Relaxed);
            let stored = if is_glance {
                self.conversations.glance(account_id, conversation_id).await?
            } else {
                self.conversations.load(account_id, conversation_id).await?
            };
            let conversation = match stored {
                Stored::Kept(conversation) if is_glance && conversation.ended.is_some() => return Ok(None),
                Stored::Kept(conversation) => *conversation,
                Stored::Absent => Conversation::new(account_id.clone(), conversation_id.clone(), now),
                Stored::Forgotten { .. } if is_glance => return Ok(None),
                Stored::Forgotten { until } => return Ok(Some(CompletionResult::Forgotten(until))),
            };
            // Others cannot correct their report; the record does without the reference.
            if completion.flow.is_platform()
                && let Err(refused) = conversation.check(&completion.stated)
            {
                return Ok((!is_glance).then_some(CompletionResult::Refused(refused)));
            }
            let result = match conversation.ended.clone() {
                Some(ended) if !ended.yields_to(completion.rank()) => {
                    self.record_late(conversation, completion, ended, now).await?
                }
                _ => self.accept(conversation, completion, word, now).await?,
            };
            Ok(result.filter(|result| !is_glance || *result != CompletionResult::TooLarge))
        })
        .await
    }

    /// Handles an overdue conversation: ends it as failed, [`OVERDUE_GRACE`] past its expected end, or tells fan-out of
    /// its end. True if it ended.
    pub async fn run_overdue(
        &self,
        account_id: &AccountId,
        conversation_id: &ConversationId,
    ) -> Result<bool> {
        let word = &self.word();
        retry_on_conflict("end a conversation", || async move {
            let now = self.clock.now();
            let stored = self.conversations.load(account_id, conversation_id).await?;
            let overdue = stored.kept().filter(|record| record.overdue_at.is_some_and(|at| at <= now));
            let Some(mut conversation) = overdue else { return Ok(Some(false)) };
            if let Some(ended) = conversation.ended.clone() {
                if ended.may_leave(now) {
                    self.tell_again(&conversation, &ended, now).await?; // fan-out takes it off the schedule
                    return Ok(Some(false));
                }
                conversation.overdue_at = None; // its event can no longer leave
                let saved = self.conversations.save(&conversation).await?;
                return Ok((saved != Saved::Conflict).then_some(true));
            }
            let minutes = OVERDUE_GRACE.as_secs() / 60;
            let expected = conversation.expected_end.unwrap_or_default();
            let note =
                format!("No end was reported within {minutes} minutes after its expected end ({expected}).");
            conversation.fields.add_note(&note);
            let completion = Completion {
                account_id: account_id.clone(),
                conversation_id: conversation_id.clone(),
                flow: CompletionFlow::Schedule,
                end: Ending::As(EventKind::Failed),
                ended_at: None,
                settle: Duration::ZERO,
                stated: ConversationPatch::default(),
                known: ConversationFields::default(),
            };
            match self.accept(conversation, &completion, word, now).await? {
                None => Ok(None),
                Some(CompletionResult::Accepted(_)) => Ok(Some(true)),
                Some(_) => Err(Unavailable::new("end an overdue conversation", "its record is full")),
            }
        })
        .await
    }

    fn word(&self) -> Word {
        Word {
            token: Token::random(&*self.randomness),
            is_sent: AtomicBool::new(false),
            has_glanced: AtomicBool::new(false),
        }
    }

    /// Ends the conversation by the one conditional write that decides which report counts. `None` after a conflict.
    ///
    /// A word that settles is sent before it is written, so that it is never written without a message; a final one
    /// after it, because its caller repeats what fails.
    async fn accept(
        &self,
        conversation: Conversation,
        completion: &Completion,
        word: &Word,
        now: Timestamp,
    ) -> Result<Option<CompletionResult>> {
        let is_first = conversation.ended.is_none();
        let (mut conversation, ended) = end(conversation, completion, &word.token, self.spans, now);
        if conversation.fields.len() > MAX_RECORD_BYTES + ENDING_RESERVE_BYTES {
            return Ok(Some(CompletionResult::TooLarge));
        }
        if let Some(settles_at) = ended.settles_at
            && !word.is_sent.load(Ordering::Relaxed)
        {
            let settle = Wait::NONE.for_turn(settles_at.since(now).max(SENT_BEFORE_THE_WRITE));
            let message =
                EventMessage { settle, id: word.token.clone(), ..self.message(&conversation, &ended, now) };
            match self.events.send(&message).await {
                Ok(()) => word.is_sent.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(error = %error, cause = error.causes(), "event.unsent");
                    conversation.tell_later(settles_at);
                }
            }
        }
        match self.conversations.save(&conversation).await? {
            Saved::Conflict => return Ok(None),
            Saved::TooLarge => return Ok(Some(CompletionResult::TooLarge)),
            Saved::Yes => {}
        }
        if is_first {
            tracing::info!(
                account_id = %conversation.account_id,
                event_id = %ended.event_id,
                conversation_id = %conversation.id,
                event = ended.kind.as_ref(),
                "event.accepted"
            );
        }
        if ended.has_settled(now) {
            let told = self.events.send(&self.message(&conversation, &ended, now)).await;
            // One that settles at once has a message that waits, too.
            if ended.settles_at.is_none() {
                told?;
            }
        }
        Ok(Some(CompletionResult::Accepted(ended)))
    }

    /// Handles a report that does not decide: keeps what it adds. If its flow or its end is another, notes it once,
    /// however often it comes. `None` after a conflict.
    async fn record_late(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        ended: Ended,
        now: Timestamp,
    ) -> Result<Option<CompletionResult>> {
        let kind = completion.end.kind(&conversation);
        let change = add(&mut conversation, completion, &ended, now);
        let adds = change == Change::Fields;
        if adds && conversation.fields.len() > MAX_RECORD_BYTES + ENDING_RESERVE_BYTES {
            return Ok(Some(CompletionResult::TooLarge));
        }
        if change != Change::Nothing {
            match self.conversations.save(&conversation).await? {
                Saved::Conflict => return Ok(None),
                Saved::TooLarge if adds => return Ok(Some(CompletionResult::TooLarge)),
                // A full record keeps its end; only the note is dropped.
                Saved::Yes | Saved::TooLarge => {}
            }
        }
        if ended.is_told_again_by(completion.rank()) {
            self.tell_again(&conversation, &ended, now).await?;
        }
        Ok(Some(if kind == ended.kind {
            CompletionResult::Accepted(ended)
        } else {
            CompletionResult::EndedDifferently(ended)
        }))
    }

    /// Tells fan-out again of an end whose event does not exist: its message may never have been sent.
    async fn tell_again(&self, conversation: &Conversation, ended: &Ended, now: Timestamp) -> Result<()> {
        if ended.may_leave(now) && !self.lookup.exists(&conversation.account_id, &ended.event_id).await? {
            self.events.send(&self.message(conversation, ended, now)).await?;
        }
        Ok(())
    }

    fn message(&self, conversation: &Conversation, ended: &Ended, now: Timestamp) -> EventMessage {
        let id = Token::random(&*self.randomness);
        EventMessage {
            v: Version,
            account_id: conversation.account_id.clone(),
            conversation_id: conversation.id.clone(),
            word: ended.words.last().unwrap_or(&id).clone(),
            id,
            sent_at: now,
            settle: Wait::NONE,
            wait: Wait::NONE,
        }
    }
}

#[cfg(test)]
mod tests;
