//! Lets an event leave: once its end has settled, the event is created with the payload as the record then is.
//!
//! First the end is made final in the record, so that no later report changes it; then the event is stored, unless there
//! is one. The message that stored it is the one that fans it out.

use std::sync::Arc;
use std::time::Duration;

use crate::conversation::ended::Ended;
use crate::conversation::record::Conversation;
use crate::conversation::store::{Conversations, Stored};
use crate::event::lifecycle_event::LifecycleEvent;
use crate::event::message::EventMessage;
use crate::event::store::{Created, Events, StoredEvent};
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved, Unavailable};

/// How long a message waits for the write of its report: by then the sender's invocation is over.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

/// Freezes events.
pub struct Freeze<C, E> {
    conversations: C,
    events: E,
    clock: Arc<dyn Clock>,
}

/// The result for a message.
pub enum Frozen {
    /// The event, which this message fans out.
    Event(Box<LifecycleEvent>),
    /// The end has not settled, or its report is not written yet: look again at this time.
    Later(Timestamp),
    /// There is nothing to do for this message.
    Nothing,
}

/// What a message does to the record that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Drop,
    /// Look again at this time.
    Wait(Timestamp),
    /// Make the end final, then create the event.
    Seal,
    /// Create the event.
    Create,
}

/// Derives the step from the record.
#[must_use]
pub fn step(stored: &Stored, message: &EventMessage, now: Timestamp) -> Step {
    let ended = match stored {
        Stored::Forgotten { .. } => return Step::Drop,
        Stored::Absent => None,
        Stored::Kept(conversation) => conversation.ended.as_ref(),
    };
    let Some(ended) = ended.filter(|ended| ended.words.contains(&message.word)) else {
        let written = message.sent_at + WRITTEN_WITHIN;
        return if now < written { Step::Wait(written) } else { Step::Drop };
    };
    match ended.settles_at {
        _ if !ended.may_leave(now) => Step::Drop,
        Some(settles_at) if now < settles_at => Step::Wait(settles_at),
        Some(_) => Step::Seal,
        None => Step::Create,
    }
}

/// Returns the record with its end made final.
#[must_use]
pub fn sealed(mut conversation: Conversation) -> Conversation {
    if let Some(ended) = &mut conversation.ended {
        ended.settles_at = None;
    }
    conversation.by_answer = None;
    conversation.overdue_at = None;
    conversation
}

/// Whether the event is read before it is written: a refused write costs as much as the event is large, so one that is
/// likely to be there is read.
#[must_use]
pub fn is_read_first(ended: &Ended, message: &EventMessage, is_first_receive: bool) -> bool {
    !is_first_receive || ended.words.last() != Some(&message.word)
}

/// Whether an event that was there before is this message's own, to fan out.
#[must_use]
pub fn is_own(stored: &StoredEvent, message: &EventMessage) -> bool {
    matches!(stored, StoredEvent::Kept { by, .. } if *by == message.id)
}

impl<C: Conversations, E: Events> Freeze<C, E> {
    /// Creates the step from its ports.
    pub fn new(conversations: C, events: E, clock: Arc<dyn Clock>) -> Self {
        Self { conversations, events, clock }
    }

    /// Creates the event of a message, or finds it if an earlier receive of the same message has.
    pub async fn run(&self, message: &EventMessage, is_first_receive: bool) -> Result<Frozen> {
        let EventMessage { account_id, conversation_id, .. } = message;
        retry_on_conflict("settle the end of a conversation", || async move {
            let now = self.clock.now();
            let stored = self.conversations.load(account_id, conversation_id).await?;
            let step = step(&stored, message, now);
            let conversation = match (step, stored) {
                (Step::Drop, Stored::Forgotten { .. }) => {
                    log_forgotten(message);
                    return Ok(Some(Frozen::Nothing));
                }
                (Step::Wait(until), _) => return Ok(Some(Frozen::Later(until))),
                (Step::Seal, Stored::Kept(conversation)) => {
                    let mut sealed = sealed(*conversation);
                    match self.conversations.save(&sealed).await? {
                        Saved::Yes => sealed.version += 1,
                        Saved::Conflict => return Ok(None),
                        Saved::TooLarge => {
                            return Err(Unavailable::new(
                                "settle the end of a conversation",
                                "it is too large",
                            ));
                        }
                    }
                    sealed
                }
                (Step::Create, Stored::Kept(conversation)) => *conversation,
                (Step::Drop | Step::Seal | Step::Create, _) => return Ok(Some(Frozen::Nothing)),
            };
            let Some(ended) = &conversation.ended else { return Ok(Some(Frozen::Nothing)) };
            self.create(&conversation, ended, message, is_first_receive, now).await.map(Some)
        })
        .await
    }

    async fn create(
        &self,
        conversation: &Conversation,
        ended: &Ended,
        message: &EventMessage,
        is_first_receive: bool,
        now: Timestamp,
    ) -> Result<Frozen> {
        let began = conversation.created_at;
        let mut found = StoredEvent::Absent;
        if is_read_first(ended, message, is_first_receive) {
            found = self.events.load(&message.account_id, &ended.event_id).await?;
        }
        if found.yields_to(began) {
            let event = conversation.lifecycle_event(ended, now);
            match self.events.create(&event, &message.id, began).await? {
                Created::Yes => return Ok(Frozen::Event(Box::new(event))),
                Created::Refused(stored) => found = stored,
            }
        }
        let is_own = is_own(&found, message);
        Ok(match found {
            StoredEvent::Kept { event, .. } if is_own => Frozen::Event(Box::new(event)),
            StoredEvent::Forgotten { .. } => {
                log_forgotten(message);
                Frozen::Nothing
            }
            _ => Frozen::Nothing,
        })
    }
}

fn log_forgotten(message: &EventMessage) {
    tracing::info!(account_id = %message.account_id, event_id = %message.event_id(), "event.forgotten");
}

#[cfg(test)]
mod tests;
