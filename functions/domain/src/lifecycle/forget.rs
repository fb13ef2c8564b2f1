//! Deletes a conversation for a customer: its record, its event, and the event's deliveries.

use std::sync::Arc;

use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::conversation::store::Conversations;
use crate::event::store::EventEraser;
use crate::lifecycle::link::{Link, References};
use crate::lifecycle::provider_callback::ProviderCallback;
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::unavailable::{Result, Saved};

/// Deletes conversations.
pub struct Forget<C, R, E> {
    conversations: C,
    references: R,
    events: E,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations, R: References, E: EventEraser> Forget<C, R, E> {
    /// Wraps the stores of records, of references, and of events with their deliveries.
    pub fn new(conversations: C, references: R, events: E, clock: Arc<dyn Clock>) -> Self {
        Self { conversations, references, events, clock }
    }

    /// Deletes a conversation; true if anything existed. What is reported about it within a day is ignored or refused;
    /// after that its id is free.
    ///
    /// Deliveries in progress find no event and end; a request that is being sent cannot be recalled. The record goes
    /// last, so after a failure halfway, the same call finishes the deletion. Event and record leave marks, so that what
    /// was read before the deletion does not bring either back.
    pub async fn run(&self, account: &AccountId, id: &ConversationId) -> Result<bool> {
        let event = &EventId::of_conversation(account, id);
        retry_on_conflict("delete a conversation", || async move {
            let now = self.clock.now();
            let Some(conversation) = self.conversations.load(account, id).await?.kept() else {
                // A worker that held the event when it was deleted may have recorded an attempt since.
                return self.events.forget_deliveries(account, event).await.map(Some);
            };
            // The event before its deliveries: without it, no delivery begins.
            self.events.forget_event(account, event, now).await?;
            self.events.forget_deliveries(account, event).await?;
            for reference in &conversation.references {
                self.forget_reference(&conversation, reference).await?;
            }
            if self.conversations.forget(&conversation, now).await? != Saved::Yes {
                return Ok(None); // it has meanwhile ended or got another reference
            }
            self.events.forget_deliveries(account, event).await?;
            Ok(Some(true))
        })
        .await
    }

    /// Unlinks a reference from the conversation, and deletes the callbacks that wait under it unless they are about
    /// another conversation.
    async fn forget_reference(&self, conversation: &Conversation, reference: &Reference) -> Result<()> {
        let account = &conversation.account_id;
        retry_on_conflict("unlink a reference", || async move {
            let Some(link) = self.references.find(account, reference).await? else {
                return self.forget_parked(conversation, reference).await.map(Some);
            };
            let saved = match without(&link, &conversation.id) {
                // The reference, and what waits under it, now belongs to another conversation.
                Remainder::Unchanged => return Ok(Some(())),
                Remainder::Changed(remaining) => {
                    self.references.put(account, reference, &remaining, Some(&link)).await?
                }
                Remainder::Nothing => self.references.remove(account, reference, &link).await?,
            };
            if saved == Saved::Yes && link.conversation_id == conversation.id {
                return self.forget_parked(conversation, reference).await.map(Some);
            }
            Ok(None)
        })
        .await
    }

    async fn forget_parked(&self, conversation: &Conversation, reference: &Reference) -> Result<()> {
        let account = &conversation.account_id;
        for callback in self.references.parked(account, reference).await? {
            if !is_about_next(&callback, conversation) {
                self.references.unpark(account, &callback).await?;
            }
        }
        Ok(())
    }
}

/// What remains of a link.
enum Remainder {
    Unchanged,
    Changed(Link),
    Nothing,
}

fn without(link: &Link, id: &ConversationId) -> Remainder {
    match &link.earlier {
        Some(earlier) if link.conversation_id == *id && earlier != id => Remainder::Changed(Link {
            conversation_id: earlier.clone(),
            since: link.since,
            earlier: None,
            ended: true,
        }),
        _ if link.conversation_id == *id => Remainder::Nothing,
        Some(earlier) if earlier == id => Remainder::Changed(Link { earlier: None, ..link.clone() }),
        _ => Remainder::Unchanged,
    }
}

/// Whether a callback is about a later conversation of the same room: one that began after this one's end.
fn is_about_next(callback: &ProviderCallback, conversation: &Conversation) -> bool {
    conversation.ended.as_ref().zip(callback.began).is_some_and(|(ended, began)| ended.is_before(began))
}

#[cfg(test)]
mod tests;
