//! Ends a conversation and creates its event, once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::conversation::ended::{CompletionFlow, Ended, LateSignal};
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::record::{Conversation, ENDING_RESERVE_BYTES, MAX_RECORD_BYTES, OVERDUE_GRACE};
use crate::conversation::store::Conversations;
use crate::event::kind::EventKind;
use crate::event::message::{EventMessage, EventQueue, Version};
use crate::event::store::EventOutbox;
use crate::lifecycle::provider_callback::Ending;
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved, Unavailable};
use crate::shared::wait::Wait;

/// How long after an end the schedule announces an unconfirmed event, if its source never repeats.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(60);

/// A report that a conversation ended.
pub struct Completion {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The source of the report.
    pub flow: CompletionFlow,
    /// How it ended.
    pub end: Ending,
    /// When it ended, if a provider reports it.
    pub ended_at: Option<Timestamp>,
    /// What the platform states: replaces what the record has.
    pub stated: ConversationPatch,
    /// What a provider reports: fills what the record lacks.
    pub known: ConversationFields,
}

/// The result of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionResult {
    /// The event is announced. Also returned for a repeat, and for another report of the same end.
    Accepted(Ended),
    /// The conversation had already ended differently.
    EndedDifferently(Ended),
    /// With what this report adds, the record would exceed the limit.
    TooLarge,
    /// The report adds a reference to a conversation that has as many as it can have.
    Refused(Invalid),
}

/// Ends conversations.
#[derive(Clone)]
pub struct Complete<C, Q> {
    conversations: C,
    events: Q,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations + EventOutbox, Q: EventQueue> Complete<C, Q> {
    /// Wraps the record store and the event queue.
    pub fn new(conversations: C, events: Q, clock: Arc<dyn Clock>) -> Self {
        Self { conversations, events, clock }
    }

    /// Ends the record, stores the event with the current payload and announces it. The first report wins. Later ones
    /// announce the event again if that was never confirmed, so the caller's retry repairs a crash between the steps.
    pub async fn run(&self, completion: &Completion) -> Result<CompletionResult> {
        let Completion { account_id, conversation_id, .. } = completion;
        retry_on_conflict("end a conversation", || async move {
            let now = self.clock.now();
            let conversation = self
                .conversations
                .load(account_id, conversation_id)
                .await?
                .unwrap_or_else(|| Conversation::new(account_id.clone(), conversation_id.clone(), now));
            // Others cannot correct their report; the record does without the reference.
            if completion.flow.is_retried()
                && let Err(refused) = conversation.check_references(&completion.stated.references)
            {
                return Ok(Some(CompletionResult::Refused(refused)));
            }
            match conversation.ended.clone() {
                Some(ended) => self.record_late(conversation, completion, ended, now).await,
                None => self.end_first(conversation, completion, now).await,
            }
        })
        .await
    }

    /// Handles an overdue conversation: ends it as failed, [`OVERDUE_GRACE`] past its expected end, or announces the
    /// event of its end. False if there was nothing left to do.
    pub async fn run_overdue(
        &self,
        account_id: &AccountId,
        conversation_id: &ConversationId,
    ) -> Result<bool> {
        retry_on_conflict("end a conversation", || async move {
            let now = self.clock.now();
            let Some(mut conversation) = self.conversations.load(account_id, conversation_id).await? else {
                return Ok(Some(false));
            };
            if conversation.overdue_at.is_none_or(|at| now < at) {
                return Ok(Some(false));
            }
            if let Some(ended) = conversation.ended.clone() {
                self.announce_unless_confirmed(&conversation, &ended).await?;
                let unscheduled = self.unschedule(&mut conversation).await?;
                return Ok((unscheduled != Saved::Conflict).then_some(true));
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
                stated: ConversationPatch::default(),
                known: ConversationFields::default(),
            };
            match self.end_first(conversation, &completion, now).await? {
                None => Ok(None),
                Some(CompletionResult::TooLarge | CompletionResult::Refused(_)) => {
                    Err(Unavailable::new("end an overdue conversation", "its record is full"))
                }
                Some(_) => Ok(Some(true)),
            }
        })
        .await
    }

    /// Takes the record off the schedule, once its event is announced.
    async fn unschedule(&self, conversation: &mut Conversation) -> Result<Saved> {
        conversation.overdue_at = None;
        self.conversations.save(conversation).await
    }

    /// Ends the conversation by the one conditional write that decides which report wins. `None` after a conflict.
    async fn end_first(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        now: Timestamp,
    ) -> Result<Option<CompletionResult>> {
        conversation.apply(&completion.stated);
        if let (None, Some(failed)) = (conversation.answered_at, conversation.failed_leg.clone()) {
            conversation.fields.fill(failed);
        }
        conversation.fields.fill(completion.known.clone());
        if let (Some(answered), Some(ended)) = (conversation.answered_at, completion.ended_at) {
            let seconds = json!(ended.since(answered).as_secs());
            conversation.fields.fill(ConversationFields::of([("conversation_duration", Some(seconds))]));
        }
        let kind = completion.end.kind(&conversation);
        let event_id = EventId::of_conversation(&conversation.account_id, &conversation.id);
        // A provider's clock may be ahead of ours, but what it reports has happened.
        let reported = completion.ended_at.map(|at| at.min(now));
        let ended = Ended { event_id, kind, flow: completion.flow, at: now, reported };
        conversation.fields.set_status(kind.into());
        conversation.ended = Some(ended.clone());
        if kind == EventKind::Completed {
            conversation.answered_at.get_or_insert(now);
        }
        let is_scheduled = !completion.flow.is_retried();
        conversation.overdue_at = is_scheduled.then_some(now + ANNOUNCE_AFTER);
        conversation.updated_at = now;
        if conversation.fields.len() > MAX_RECORD_BYTES + ENDING_RESERVE_BYTES {
            return Ok(Some(CompletionResult::TooLarge));
        }
        let event = conversation.lifecycle_event(&ended);
        Ok(match self.conversations.end(&conversation, &event).await? {
            Saved::Yes => {
                self.announce(&EventMessage::from(&event)).await?;
                if is_scheduled {
                    conversation.version += 1;
                    // After a conflict, the schedule does this.
                    self.unschedule(&mut conversation).await?;
                }
                Some(CompletionResult::Accepted(ended))
            }
            Saved::Conflict => None,
            Saved::TooLarge => Some(CompletionResult::TooLarge),
        })
    }

    /// Handles a report after the first: keeps what it adds. If its flow or its end is another, notes it once, however
    /// often it comes. `None` after a conflict.
    async fn record_late(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        ended: Ended,
        now: Timestamp,
    ) -> Result<Option<CompletionResult>> {
        let kind = completion.end.kind(&conversation);
        let known = |note: &LateSignal| note.event == kind && note.flow == completion.flow;
        let is_repeat = (kind, completion.flow) == (ended.kind, ended.flow)
            || conversation.late_signals.iter().any(known);
        if !is_repeat {
            conversation.late_signals.push(LateSignal { event: kind, flow: completion.flow, at: now });
        }
        let before = (conversation.fields.clone(), conversation.references.len());
        conversation.apply(&completion.stated);
        conversation.fields.fill(completion.known.clone());
        let adds = (&conversation.fields, conversation.references.len()) != (&before.0, before.1);
        if adds && conversation.fields.len() > MAX_RECORD_BYTES + ENDING_RESERVE_BYTES {
            return Ok(Some(CompletionResult::TooLarge));
        }
        if adds || !is_repeat {
            conversation.updated_at = now;
            match self.conversations.save(&conversation).await? {
                Saved::Conflict => return Ok(None),
                Saved::TooLarge if adds => return Ok(Some(CompletionResult::TooLarge)),
                // A full record keeps its end; only the note is dropped.
                Saved::Yes | Saved::TooLarge => {}
            }
        }
        self.announce_unless_confirmed(&conversation, &ended).await?;
        Ok(Some(if kind == ended.kind {
            CompletionResult::Accepted(ended)
        } else {
            CompletionResult::EndedDifferently(ended)
        }))
    }

    /// Announces an end's event unless it is marked announced.
    async fn announce_unless_confirmed(&self, conversation: &Conversation, ended: &Ended) -> Result<()> {
        let message = EventMessage {
            v: Version,
            account_id: conversation.account_id.clone(),
            event_id: ended.event_id.clone(),
            conversation_id: conversation.id.clone(),
            event: ended.kind,
            accepted_at: ended.at,
            wait: Wait::NONE,
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
            event = message.event.as_ref(),
            "event.accepted"
        );
        self.conversations.mark_announced(&message.account_id, &message.event_id).await
    }
}

#[cfg(test)]
mod tests;
