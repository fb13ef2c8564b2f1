//! A customer has a conversation forgotten: its record, its event, and what became of the event.

use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::conversation::store::Conversations;
use crate::event::store::EventTraces;
use crate::lifecycle::link::Link;
use crate::lifecycle::link::References;
use crate::lifecycle::provider_callback::ProviderCallback;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::unavailable::{Result, Saved};

/// Forgets conversations.
pub struct Forget<C, R, T> {
    conversations: C,
    references: R,
    traces: T,
}

impl<C: Conversations, R: References, T: EventTraces> Forget<C, R, T> {
    /// Over the record store, the store of references and that of events and their deliveries.
    pub const fn new(conversations: C, references: R, traces: T) -> Self {
        Self { conversations, references, traces }
    }

    /// True if there was anything to forget. Whatever is reported of the conversation later makes a new one.
    ///
    /// Deliveries that are on their way find no event and end; a request that is being sent right now is not called
    /// back. The record goes last, so after a failure in the middle the same call finishes what it began.
    pub async fn run(&self, account: &AccountId, id: &ConversationId) -> Result<bool> {
        let event = &EventId::of_conversation(account, id);
        retry_on_conflict("forget a conversation", || async move {
            let Some(conversation) = self.conversations.load(account, id).await? else {
                // Whoever had the event in hand when it went may have recorded an attempt since.
                return self.traces.forget_deliveries(account, event).await.map(Some);
            };
            // The event before its deliveries: from then on, nobody begins another one.
            self.traces.forget_event(account, event).await?;
            self.traces.forget_deliveries(account, event).await?;
            for reference in &conversation.references {
                self.forget_reference(&conversation, reference).await?;
            }
            if self.conversations.delete(&conversation).await? != Saved::Yes {
                return Ok(None); // it has ended in between, or got another reference
            }
            self.traces.forget_deliveries(account, event).await?;
            Ok(Some(true))
        })
        .await
    }

    /// What a provider calls it leads here no more, and callbacks that wait under that name are forgotten unless they
    /// tell of another conversation.
    async fn forget_reference(&self, conversation: &Conversation, reference: &Reference) -> Result<()> {
        let account = &conversation.account_id;
        retry_on_conflict("forget a reference", || async move {
            let Some(link) = self.references.find(account, reference).await? else {
                return self.forget_parked(conversation, reference).await.map(Some);
            };
            let saved = match without(&link, &conversation.id) {
                // Another conversation has the name by now, and what waits under it.
                Kept::AsItIs => return Ok(Some(())),
                Kept::Changed(kept) => self.references.put(account, reference, &kept, Some(&link)).await?,
                Kept::Nothing => self.references.remove(account, reference, &link).await?,
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
            if !is_of_the_next(&callback, conversation) {
                self.references.unpark(account, &callback).await?;
            }
        }
        Ok(())
    }
}

/// What is left of a link.
enum Kept {
    AsItIs,
    Changed(Link),
    Nothing,
}

fn without(link: &Link, id: &ConversationId) -> Kept {
    match &link.earlier {
        Some(earlier) if link.conversation_id == *id && earlier != id => {
            Kept::Changed(Link { conversation_id: earlier.clone(), since: link.since, earlier: None })
        }
        _ if link.conversation_id == *id => Kept::Nothing,
        Some(earlier) if earlier == id => Kept::Changed(Link { earlier: None, ..link.clone() }),
        _ => Kept::AsItIs,
    }
}

/// A room is used again and again: what began after this conversation's end is about the one after it.
fn is_of_the_next(callback: &ProviderCallback, conversation: &Conversation) -> bool {
    let ended = conversation.ended.as_ref().map(|ended| ended.at);
    ended.zip(callback.began).is_some_and(|(ended, began)| ended < began)
}

#[cfg(test)]
mod tests;
