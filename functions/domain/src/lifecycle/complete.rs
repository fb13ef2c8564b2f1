//! A conversation ends: how one event comes to be, and never a second one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::conversation::ended::CompletionFlow;
use crate::conversation::ended::Ended;
use crate::conversation::ended::LateSignal;
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::record::{Conversation, ENDING_RESERVE_BYTES, MAX_RECORD_BYTES, OVERDUE_GRACE};
use crate::conversation::store::Conversations;
use crate::event::kind::EventKind;
use crate::event::message::{EventMessage, EventQueue};
use crate::event::store::EventOutbox;
use crate::lifecycle::provider_callback::Ending;
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
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
    pub end: Ending,
    /// When it ended, by the clock of a provider that says so.
    pub ended_at: Option<Timestamp>,
    /// What the platform states of it: replaces what the record has.
    pub stated: ConversationPatch,
    /// What was seen of it: fills what the record lacks.
    pub known: ConversationFields,
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
        retry_on_conflict("end a conversation", || async move {
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

    /// What is left to do for a conversation whose time is over: to end it as failed, [`OVERDUE_GRACE`] past its expected end, or
    /// to send the event of its end. False: there was nothing to do any more.
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
                self.heal(&conversation, &ended).await?;
                let settled = self.settle(&mut conversation).await?;
                return Ok((settled != Saved::Conflict).then_some(true));
            }
            let minutes = OVERDUE_GRACE.as_secs() / 60;
            let expected = conversation.expected_end.unwrap_or_default();
            let note =
                format!("No end was reported by {minutes} minutes after its expected end ({expected}).");
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
        conversation.fields.fill(completion.known.clone());
        if let (Some(answered), Some(ended)) = (conversation.answered_at, completion.ended_at) {
            let seconds = json!(ended.since(answered).as_secs());
            conversation.fields.fill(ConversationFields::of([("conversation_duration", Some(seconds))]));
        }
        let kind = completion.end.kind(&conversation);
        let event_id = EventId::of_conversation(&conversation.account_id, &conversation.id);
        let ended = Ended { event_id, kind, flow: completion.flow, at: now };
        conversation.fields.set_status(kind.into());
        conversation.ended = Some(ended.clone());
        if kind == EventKind::Completed {
            conversation.answered_at.get_or_insert(now);
        }
        let needs_care = !completion.flow.is_retried();
        conversation.overdue_at = needs_care.then_some(now + HEAL_AFTER);
        conversation.updated_at = now;
        if conversation.fields.len() > MAX_RECORD_BYTES + ENDING_RESERVE_BYTES {
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
        let before = (conversation.fields.clone(), conversation.references.len());
        conversation.apply(&completion.stated);
        conversation.fields.fill(completion.known.clone());
        let adds = (&conversation.fields, conversation.references.len()) != (&before.0, before.1);
        if adds && conversation.fields.len() > MAX_RECORD_BYTES + ENDING_RESERVE_BYTES {
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
            event = message.event.as_ref(),
            "event.accepted"
        );
        self.conversations.mark_announced(&message.account_id, &message.event_id).await
    }
}

#[cfg(test)]
mod tests;
