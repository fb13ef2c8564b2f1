//! Applies a provider's callbacks to their conversations; one that comes before its conversation waits.

use std::sync::Arc;
use std::time::Duration;

use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::conversation::status::ConversationStatus;
use crate::conversation::store::{Conversations, Stored};
use crate::event::message::EventQueue;
use crate::event::store::EventLookup;
use crate::lifecycle::complete::{Complete, CompletionResult};
use crate::lifecycle::completion::{Completion, end_again, reopen};
use crate::lifecycle::link::{Link, References};
use crate::lifecycle::provider_callback::{CallProgress, ProviderCallback};
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::invalid::Invalid;
use crate::shared::unavailable::{Result, Saved, Unavailable};

/// How long a callback waits for its conversation.
pub const PARKED_FOR: Duration = Duration::from_secs(10 * 60);

/// Applies callbacks to their conversations.
pub struct Callbacks<C, Q, L, R> {
    complete: Complete<C, Q, L>,
    conversations: C,
    references: R,
    clock: Arc<dyn Clock>,
}

/// The result of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackResult {
    /// It was applied to its conversation.
    Applied,
    /// Its reference leads to no conversation yet: it waits for [`PARKED_FOR`].
    Parked,
    /// The conversation that it names has as many references as it can have.
    Refused(Invalid),
    /// The conversation that it names was deleted: nothing is kept.
    Forgotten,
}

impl<C: Conversations, Q: EventQueue, L: EventLookup, R: References> Callbacks<C, Q, L, R> {
    /// Wraps the completion step, the record store and the reference store.
    pub fn new(complete: Complete<C, Q, L>, conversations: C, references: R, clock: Arc<dyn Clock>) -> Self {
        Self { complete, conversations, references, clock }
    }

    /// Whether a reference leads to a conversation.
    pub async fn is_linked(&self, account: &AccountId, reference: &Reference) -> Result<bool> {
        Ok(self.references.find(account, reference).await?.is_some())
    }

    /// Applies a callback to the conversation that its reference leads to. The first callback that itself names a
    /// conversation creates the link.
    pub async fn receive(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
        names: Option<&ConversationId>,
    ) -> Result<CallbackResult> {
        let reference = &callback.reference;
        let result = match (self.references.find(account, reference).await?, names) {
            (Some(link), _) => self.apply_linked(account, &link, callback).await?,
            (None, Some(conversation)) => match self.check_reference(account, conversation, reference).await?
            {
                // A link that the record does not list would survive the conversation's deletion.
                Some(refused) => refused,
                None => {
                    self.link_reference(account, reference, conversation, false).await?;
                    self.apply_parked(account, reference).await?;
                    self.apply(account, conversation, callback).await?;
                    CallbackResult::Applied
                }
            },
            (None, None) => self.park(account, callback).await?,
        };
        tracing::info!(
            account_id = %account,
            provider = reference.provider.as_ref(),
            callback = callback.id,
            taken = ?result,
            "callback.received"
        );
        Ok(result)
    }

    /// Why a conversation cannot have this reference, too.
    async fn check_reference(
        &self,
        account: &AccountId,
        id: &ConversationId,
        reference: &Reference,
    ) -> Result<Option<CallbackResult>> {
        Ok(match self.conversations.load(account, id).await? {
            Stored::Absent => None,
            Stored::Forgotten { .. } => Some(CallbackResult::Forgotten),
            Stored::Kept(record) => {
                record.check_references(std::slice::from_ref(reference)).err().map(CallbackResult::Refused)
            }
        })
    }

    /// Links references to a conversation that was just stored, and applies the callbacks that waited for it. True if
    /// there were any.
    pub async fn link(
        &self,
        account: &AccountId,
        conversation: &ConversationId,
        references: &[Reference],
        ended: bool,
    ) -> Result<bool> {
        let mut applied = false;
        for reference in references {
            self.link_reference(account, reference, conversation, ended).await?;
            applied |= self.apply_parked(account, reference).await?;
        }
        Ok(applied)
    }

    /// Applies a callback to the conversation that was linked at its time. Before an end, applies the parked callbacks:
    /// how a conversation ended depends on whether someone answered.
    async fn apply_linked(
        &self,
        account: &AccountId,
        link: &Link,
        callback: &ProviderCallback,
    ) -> Result<CallbackResult> {
        let Some(conversation) = self.resolve(account, link, callback).await? else {
            return self.park(account, callback).await;
        };
        if matches!(callback.progress, CallProgress::Ended(_)) {
            self.apply_parked(account, &callback.reference).await?;
        }
        self.apply(account, &conversation, callback).await?;
        Ok(CallbackResult::Applied)
    }

    /// The conversation that a callback is about; `None` if it is not known yet. A room is used again and again: a
    /// conversation that ended before the meeting began is ruled out.
    async fn resolve(
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
            let is_over = match self.conversations.load(account, candidate).await?.kept() {
                Some(record) => record.ended.is_some_and(|ended| ended.is_before(began)),
                // The last one is made by its first callback; one before it was deleted, or has expired.
                None => *candidate != link.conversation_id,
            };
            if !is_over {
                return Ok(Some(candidate.clone()));
            }
        }
        Ok(None)
    }

    /// Parks a callback, then looks for a link. A linker stores its link, then looks for parked callbacks: one of the
    /// two sees the other.
    async fn park(&self, account: &AccountId, callback: &ProviderCallback) -> Result<CallbackResult> {
        self.references.park(account, callback, self.clock.now() + PARKED_FOR).await?;
        let applied = self.apply_parked(account, &callback.reference).await?;
        Ok(if applied { CallbackResult::Applied } else { CallbackResult::Parked })
    }

    /// Applies the parked callbacks whose conversation is known. True if there were any.
    async fn apply_parked(&self, account: &AccountId, reference: &Reference) -> Result<bool> {
        let Some(link) = self.references.find(account, reference).await? else { return Ok(false) };
        let mut parked = self.references.parked(account, reference).await?;
        // What led to an end is applied before the end.
        parked.sort_by_key(|callback| (matches!(callback.progress, CallProgress::Ended(_)), callback.at));
        let mut applied = false;
        for callback in &parked {
            if let Some(conversation) = self.resolve(account, &link, callback).await? {
                self.apply(account, &conversation, callback).await?;
                // Once applied, it must not be applied to the next conversation that uses the reference.
                self.references.unpark(account, callback).await?;
                applied = true;
            }
        }
        Ok(applied)
    }

    /// Links a reference to a conversation. Takes it from another one unless this one has ended.
    async fn link_reference(
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
                ended,
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
                    settle: Duration::ZERO,
                    stated: ConversationPatch {
                        references: vec![callback.reference.clone()],
                        ..ConversationPatch::default()
                    },
                    known: callback.known.clone(),
                };
                match self.complete.run(&completion).await? {
                    // Either way, there is nothing for the provider to correct.
                    CompletionResult::Accepted(_)
                    | CompletionResult::EndedDifferently(_)
                    | CompletionResult::Forgotten(_) => Ok(()),
                    CompletionResult::TooLarge | CompletionResult::Refused(_) => {
                        Err(Unavailable::new("apply a callback", "its record is full"))
                    }
                }
            }
            CallProgress::Placed => {
                self.apply_progress(account, id, callback, Some(ConversationStatus::Pending)).await
            }
            CallProgress::Answered => {
                self.apply_progress(account, id, callback, Some(ConversationStatus::InProgress)).await
            }
            CallProgress::LegFailed | CallProgress::Recorded => {
                self.apply_progress(account, id, callback, None).await
            }
        }
    }

    /// Applies progress: fills what the record lacks and moves its status forward. Sends nothing. While a
    /// provider's end settles, counts as if it had come before; after that, only a recording changes the record.
    async fn apply_progress(
        &self,
        account: &AccountId,
        id: &ConversationId,
        callback: &ProviderCallback,
        status: Option<ConversationStatus>,
    ) -> Result<()> {
        retry_on_conflict("update a conversation", || async move {
            let now = self.clock.now();
            let mut conversation = match self.conversations.load(account, id).await? {
                Stored::Kept(conversation) => *conversation,
                Stored::Absent => Conversation::new(account.clone(), id.clone(), now),
                Stored::Forgotten { .. } => return Ok(Some(())),
            };
            let before = conversation.clone();
            let settling = reopen(&mut conversation);
            if conversation.ended.is_some() && callback.progress != CallProgress::Recorded {
                return Ok(Some(()));
            }
            if callback.progress == CallProgress::LegFailed {
                conversation.failed_leg.get_or_insert(callback.known.clone());
            } else if !is_other_direction(&callback.known, &conversation.fields) {
                conversation.fields.fill(callback.known.clone());
            }
            if let Err(error) = conversation.fields.conversation_metadata.check_size() {
                tracing::warn!(account_id = %account, conversation_id = %id, %error, "callback.metadata_dropped");
                conversation.fields.conversation_metadata = before.fields.conversation_metadata.clone();
            }
            conversation.add_reference(&callback.reference);
            if callback.progress == CallProgress::Answered {
                let earlier = conversation.answered_at.is_none_or(|at| callback.at < at);
                conversation.answered_at = if earlier { Some(callback.at) } else { conversation.answered_at };
            }
            let is_behind = conversation.fields.status().is_none_or(|at| at == ConversationStatus::Pending);
            if let Some(status) = status.filter(|_| is_behind) {
                conversation.fields.set_status(status);
            }
            if let Some(ended) = settling {
                end_again(&mut conversation, ended);
            }
            let changed = conversation.fields != before.fields
                || conversation.references != before.references
                || conversation.answered_at != before.answered_at
                || conversation.failed_leg != before.failed_leg;
            conversation.updated_at = now;
            // A full record drops the change.
            let is_done = !changed || self.conversations.save(&conversation).await? != Saved::Conflict;
            Ok(is_done.then_some(()))
        })
        .await
    }
}

/// Whether a leg goes the other way than its conversation: a caller is transferred by a call out, whose numbers are not
/// the conversation's.
fn is_other_direction(leg: &ConversationFields, conversation: &ConversationFields) -> bool {
    leg.calling_type.is_some()
        && conversation.calling_type.is_some()
        && leg.calling_type != conversation.calling_type
}

#[cfg(test)]
mod tests;
