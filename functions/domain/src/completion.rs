//! A conversation ends: how one event comes to be, and never a second one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::conversation::{Conversation, Details, MAX_RECORD_BYTES};
use crate::event::{EventKind, LifecycleEvent};
use crate::ids::{AccountId, ConversationId, EventId};
use crate::messages::EventMessage;
use crate::payload::payload;
use crate::ports::{Clock, Conversations, EventOutbox, EventQueue, Result, Saved, Unavailable};
use crate::timestamp::Timestamp;

/// Writers of one record that may get in between a read and its write before we give up and let the caller retry.
const MAX_CONFLICTS: usize = 32;

/// Where a signal of an end comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionFlow {
    /// The platform's dialer.
    OutboundCall,
    /// Standard hangup handling.
    Hangup,
    /// A Daily session.
    Daily,
    /// Twilio's hangup processing.
    Twilio,
}

/// Says that a conversation ended.
pub struct Completion {
    /// Whose it is.
    pub account_id: AccountId,
    /// Which one.
    pub conversation_id: ConversationId,
    /// Who says so.
    pub flow: CompletionFlow,
    /// How it ended.
    pub kind: EventKind,
    /// What else the signal knows of the conversation.
    pub details: Details,
}

/// How a conversation ended: written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The one event.
    pub event_id: EventId,
    /// How it ended.
    pub kind: EventKind,
    /// Who said so first.
    pub flow: CompletionFlow,
    /// When we accepted it.
    pub at: Timestamp,
}

/// A signal that came after the end and said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateSignal {
    /// How it says the conversation ended.
    pub event: EventKind,
    /// Who said so.
    pub flow: CompletionFlow,
    /// When it first came.
    pub at: Timestamp,
}

/// What a completion came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completed {
    /// The event is on its way; the same answer for a repeat.
    Accepted(Ended),
    /// It had ended otherwise before; this signal is a note on the record.
    EndedOtherwise(Ended),
    /// With what this signal adds, the record is larger than we keep.
    TooLarge,
}

/// Ends conversations.
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

    /// Makes the record terminal, fixes the event with the payload as it is then, and sends word of it. Repeats send
    /// again if the first send was never confirmed, so a crash between the steps is healed by the caller's retry.
    pub async fn run(&self, completion: &Completion) -> Result<Completed> {
        let Completion { account_id, conversation_id, kind, .. } = completion;
        for _ in 0..MAX_CONFLICTS {
            let now = self.clock.now();
            let conversation = self
                .conversations
                .load(account_id, conversation_id)
                .await?
                .unwrap_or_else(|| Conversation::new(account_id.clone(), conversation_id.clone(), now));
            let completed = match conversation.ended.clone() {
                Some(ended) if ended.kind == *kind => self.repeat(completion, ended).await?,
                Some(ended) => self.note(conversation, completion, ended, now).await?,
                None => self.first(conversation, completion, now).await?,
            };
            if let Some(completed) = completed {
                return Ok(completed);
            }
        }
        Err(Unavailable::new("end a conversation", "other writers of its record kept getting in between"))
    }

    /// The one conditional write that decides which signal wins. `None`: another writer came first, read again.
    async fn first(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        now: Timestamp,
    ) -> Result<Option<Completed>> {
        let event_id = EventId::of_conversation(&conversation.account_id, &conversation.id);
        let ended = Ended { event_id, kind: completion.kind, flow: completion.flow, at: now };
        conversation.details.merge(completion.details.clone());
        conversation.details.end(completion.kind);
        conversation.ended = Some(ended.clone());
        conversation.updated_at = now;
        if conversation.details.len() > MAX_RECORD_BYTES {
            return Ok(Some(Completed::TooLarge));
        }
        let event = LifecycleEvent {
            account_id: conversation.account_id.clone(),
            id: ended.event_id.clone(),
            conversation_id: conversation.id.clone(),
            kind: ended.kind,
            accepted_at: now,
            payload: payload(ended.kind, &conversation),
        };
        Ok(match self.conversations.end(&conversation, &event).await? {
            Saved::Yes => {
                self.announce(&EventMessage::from(&event)).await?;
                Some(Completed::Accepted(ended))
            }
            Saved::Conflict => None,
            Saved::TooLarge => Some(Completed::TooLarge),
        })
    }

    async fn repeat(&self, completion: &Completion, ended: Ended) -> Result<Option<Completed>> {
        let message = EventMessage {
            v: crate::messages::Version,
            account_id: completion.account_id.clone(),
            event_id: ended.event_id.clone(),
            conversation_id: completion.conversation_id.clone(),
            event: ended.kind,
            accepted_at: ended.at,
        };
        if !self.conversations.is_announced(&message.account_id, &message.event_id).await? {
            self.announce(&message).await?;
        }
        Ok(Some(Completed::Accepted(ended)))
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

    /// Keeps a signal that lost, once for each flow and end however often it comes. `None`: read again.
    async fn note(
        &self,
        mut conversation: Conversation,
        completion: &Completion,
        ended: Ended,
        now: Timestamp,
    ) -> Result<Option<Completed>> {
        let known = |note: &LateSignal| note.event == completion.kind && note.flow == completion.flow;
        if conversation.late_signals.iter().any(known) {
            return Ok(Some(Completed::EndedOtherwise(ended)));
        }
        conversation.late_signals.push(LateSignal { event: completion.kind, flow: completion.flow, at: now });
        conversation.updated_at = now;
        Ok(match self.conversations.save(&conversation).await? {
            Saved::Conflict => None,
            // A record that is full to the brim keeps its end; only the note is dropped.
            Saved::Yes | Saved::TooLarge => Some(Completed::EndedOtherwise(ended)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{ManualClock, MemoryConversations, MemoryQueue};
    use crate::ports::ConversationLookup;

    fn completion(kind: EventKind, flow: CompletionFlow) -> Completion {
        Completion {
            account_id: AccountId::parse("acc_1").unwrap(),
            conversation_id: ConversationId::parse("c-1").unwrap(),
            flow,
            kind,
            details: Details::default(),
        }
    }

    fn complete() -> (Complete<MemoryConversations, MemoryQueue<EventMessage>>, MemoryQueue<EventMessage>) {
        let events = MemoryQueue::default();
        let clock = ManualClock::new(1_000);
        (Complete::new(MemoryConversations::default(), events.clone(), Arc::new(clock)), events)
    }

    #[tokio::test]
    async fn a_repeat_gets_the_same_answer_and_sends_nothing() {
        let (complete, events) = complete();
        let hangup = completion(EventKind::Completed, CompletionFlow::Hangup);
        let first = complete.run(&hangup).await.unwrap();
        assert_eq!(complete.run(&hangup).await.unwrap(), first);
        assert_eq!(events.sent().len(), 1);
    }

    #[tokio::test]
    async fn a_repeat_heals_a_send_that_failed() {
        let (complete, events) = complete();
        let hangup = completion(EventKind::Completed, CompletionFlow::Hangup);
        events.fail_next();
        complete.run(&hangup).await.unwrap_err();
        assert!(matches!(complete.run(&hangup).await.unwrap(), Completed::Accepted(_)));
        assert_eq!(events.sent().len(), 1);
    }

    #[tokio::test]
    async fn the_first_signal_wins_and_the_loser_is_one_note() {
        let (complete, events) = complete();
        complete.run(&completion(EventKind::Completed, CompletionFlow::Hangup)).await.unwrap();
        for _ in 0..2 {
            let late = complete.run(&completion(EventKind::Failed, CompletionFlow::Twilio)).await.unwrap();
            assert!(matches!(late, Completed::EndedOtherwise(Ended { kind: EventKind::Completed, .. })));
        }
        assert_eq!(events.sent().len(), 1);
        let id = ConversationId::parse("c-1").unwrap();
        let record =
            complete.conversations.load(&AccountId::parse("acc_1").unwrap(), &id).await.unwrap().unwrap();
        assert_eq!(record.late_signals.len(), 1);
    }
}
