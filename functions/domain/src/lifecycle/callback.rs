//! What a provider's callback does to the conversation that it is about, once there is one.

use std::sync::Arc;
use std::time::Duration;

use crate::conversation::patch::ConversationPatch;
use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::conversation::status::ConversationStatus;
use crate::conversation::store::Conversations;
use crate::event::message::EventQueue;
use crate::event::store::EventOutbox;
use crate::lifecycle::complete::{Complete, Completed, Completion};
use crate::lifecycle::link::Link;
use crate::lifecycle::link::References;
use crate::lifecycle::provider_callback::{CallProgress, ProviderCallback};
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::unavailable::{Result, Saved, Unavailable};

/// How long a callback waits for the conversation that it is about.
pub const PARKED_FOR: Duration = Duration::from_secs(10 * 60);

/// Takes callbacks to their conversations.
pub struct Callbacks<C, Q, R> {
    complete: Complete<C, Q>,
    conversations: C,
    references: R,
    clock: Arc<dyn Clock>,
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackResult {
    /// The conversation knows.
    Applied,
    /// No conversation of ours is called so, yet: it waits for [`PARKED_FOR`].
    Parked,
}

impl<C: Conversations + EventOutbox, Q: EventQueue, R: References> Callbacks<C, Q, R> {
    /// Over the completion step, the record store and the store of references.
    pub fn new(complete: Complete<C, Q>, conversations: C, references: R, clock: Arc<dyn Clock>) -> Self {
        Self { complete, conversations, references, clock }
    }

    /// Applies a callback to the conversation that its reference leads to. The first one that names a conversation
    /// itself makes that link.
    pub async fn receive(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
        names: Option<&ConversationId>,
    ) -> Result<CallbackResult> {
        let reference = &callback.reference;
        let taken = match (self.references.find(account, reference).await?, names) {
            (Some(link), _) => self.follow(account, &link, callback).await?,
            (None, Some(conversation)) => {
                self.lead(account, reference, conversation, false).await?;
                self.apply_parked(account, reference).await?;
                self.apply(account, conversation, callback).await?;
                CallbackResult::Applied
            }
            (None, None) => self.park(account, callback).await?,
        };
        tracing::info!(
            account_id = %account,
            provider = reference.provider.as_ref(),
            callback = callback.id,
            taken = ?taken,
            "callback.received"
        );
        Ok(taken)
    }

    /// Makes references lead to a conversation that was just stored, and applies the callbacks that waited for it.
    /// True if there were any.
    pub async fn link(
        &self,
        account: &AccountId,
        conversation: &ConversationId,
        references: &[Reference],
        ended: bool,
    ) -> Result<bool> {
        let mut applied = false;
        for reference in references {
            self.lead(account, reference, conversation, ended).await?;
            applied |= self.apply_parked(account, reference).await?;
        }
        Ok(applied)
    }

    /// To the conversation that the link meant at that time. What was parked before is told first: an end depends on
    /// whether someone answered.
    async fn follow(
        &self,
        account: &AccountId,
        link: &Link,
        callback: &ProviderCallback,
    ) -> Result<CallbackResult> {
        let Some(conversation) = self.meant(account, link, callback).await? else {
            return self.park(account, callback).await;
        };
        if matches!(callback.progress, CallProgress::Ended(_)) {
            self.apply_parked(account, &callback.reference).await?;
        }
        self.apply(account, &conversation, callback).await?;
        Ok(CallbackResult::Applied)
    }

    /// Which conversation a signal is about. A room is used again and again: one that had ended before what the signal
    /// tells of began is not meant, and the next one has perhaps not been told to us yet.
    async fn meant(
        &self,
        account: &AccountId,
        link: &Link,
        callback: &ProviderCallback,
    ) -> Result<Option<ConversationId>> {
        let Some(began) = callback.began else {
            let earlier = link.earlier.as_ref().filter(|_| callback.at < link.since);
            return Ok(Some(earlier.unwrap_or(&link.conversation_id).clone()));
        };
        let earlier = link.earlier.as_ref().filter(|_| began < link.since);
        for candidate in earlier.into_iter().chain([&link.conversation_id]) {
            let record = self.conversations.load(account, candidate).await?;
            let over = record.and_then(|record| record.ended).is_some_and(|ended| ended.at < began);
            if !over {
                return Ok(Some(candidate.clone()));
            }
        }
        Ok(None)
    }

    /// Whoever stores a link looks for parked callbacks after, and whoever parks one looks for a link after: one of the
    /// two sees the other.
    async fn park(&self, account: &AccountId, callback: &ProviderCallback) -> Result<CallbackResult> {
        self.references.park(account, callback, self.clock.now() + PARKED_FOR).await?;
        let applied = self.apply_parked(account, &callback.reference).await?;
        Ok(if applied { CallbackResult::Applied } else { CallbackResult::Parked })
    }

    /// Those whose conversation is known by now. True if there were any.
    async fn apply_parked(&self, account: &AccountId, reference: &Reference) -> Result<bool> {
        let Some(link) = self.references.find(account, reference).await? else { return Ok(false) };
        let mut parked = self.references.parked(account, reference).await?;
        // What led to an end is told before the end.
        parked.sort_by_key(|callback| (matches!(callback.progress, CallProgress::Ended(_)), callback.at));
        let mut applied = false;
        for callback in &parked {
            if let Some(conversation) = self.meant(account, &link, callback).await? {
                self.apply(account, &conversation, callback).await?;
                // Once told, it must not be told to the next conversation that takes over the reference.
                self.references.unpark(account, callback).await?;
                applied = true;
            }
        }
        Ok(applied)
    }

    /// The one that names a reference last has it; but a conversation that is over takes it from no other.
    async fn lead(
        &self,
        account: &AccountId,
        reference: &Reference,
        conversation: &ConversationId,
        ended: bool,
    ) -> Result<()> {
        retry_on_conflict("link a reference", || async move {
            let link = self.references.find(account, reference).await?;
            if link.as_ref().is_some_and(|link| link.conversation_id == *conversation || ended) {
                return Ok(Some(()));
            }
            let new = Link {
                conversation_id: conversation.clone(),
                since: self.clock.now(),
                earlier: link.as_ref().map(|link| link.conversation_id.clone()),
            };
            let saved = self.references.put(account, reference, &new, link.as_ref()).await?;
            Ok((saved == Saved::Yes).then_some(()))
        })
        .await
    }

    async fn apply(
        &self,
        account: &AccountId,
        id: &ConversationId,
        callback: &ProviderCallback,
    ) -> Result<()> {
        match callback.progress {
            CallProgress::Ended(end) => {
                let completion = Completion {
                    account_id: account.clone(),
                    conversation_id: id.clone(),
                    flow: callback.reference.provider.flow(),
                    end,
                    ended_at: Some(callback.at),
                    stated: ConversationPatch {
                        references: vec![callback.reference.clone()],
                        ..ConversationPatch::default()
                    },
                    known: callback.known.clone(),
                };
                match self.complete.run(&completion).await? {
                    // Either way a provider has nothing to mend.
                    Completed::Accepted(_) | Completed::EndedOtherwise(_) => Ok(()),
                    Completed::TooLarge => {
                        Err(Unavailable::new("apply a callback", "the record is full to the brim"))
                    }
                }
            }
            CallProgress::Placed => self.progress(account, id, callback, ConversationStatus::Pending).await,
            CallProgress::Answered => {
                self.progress(account, id, callback, ConversationStatus::InProgress).await
            }
        }
    }

    /// What is under way: fills what the record lacks, moves its status forward, sends nothing. After the end it
    /// changes nothing.
    async fn progress(
        &self,
        account: &AccountId,
        id: &ConversationId,
        callback: &ProviderCallback,
        status: ConversationStatus,
    ) -> Result<()> {
        retry_on_conflict("update a conversation", || async move {
            let now = self.clock.now();
            let known = self.conversations.load(account, id).await?;
            let mut conversation =
                known.unwrap_or_else(|| Conversation::new(account.clone(), id.clone(), now));
            if conversation.ended.is_some() {
                return Ok(Some(()));
            }
            let before = conversation.clone();
            conversation.fields.fill(callback.known.clone());
            conversation.name(&callback.reference);
            if callback.progress == CallProgress::Answered {
                let earlier = conversation.answered_at.is_none_or(|at| callback.at < at);
                conversation.answered_at = if earlier { Some(callback.at) } else { conversation.answered_at };
            }
            let is_ahead = match conversation.fields.status() {
                None => true,
                Some(stands) => stands == ConversationStatus::Pending && status != stands,
            };
            if is_ahead {
                conversation.fields.set_status(status);
            }
            let changed = conversation.fields != before.fields
                || conversation.references != before.references
                || conversation.answered_at != before.answered_at;
            conversation.updated_at = now;
            // A record that is full to the brim does without.
            let is_done = !changed || self.conversations.save(&conversation).await? != Saved::Conflict;
            Ok(is_done.then_some(()))
        })
        .await
    }
}

#[cfg(test)]
mod tests;
