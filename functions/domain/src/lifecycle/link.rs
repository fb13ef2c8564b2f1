//! Which conversation a provider's reference leads to.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::conversation::provider::Reference;
use crate::lifecycle::provider_callback::ProviderCallback;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;
use crate::shared::unavailable::Saved;

/// The conversation that a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The one that named it last.
    pub conversation_id: ConversationId,
    /// Since when.
    pub since: Timestamp,
    /// The one before: a room is used again and again, and word of its meeting can come late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<ConversationId>,
}

/// What providers call conversations, and the callbacks that came before their conversation.
pub trait References: Send + Sync {
    /// Where a reference leads.
    fn find(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> impl Future<Output = Result<Option<Link>>> + Send;

    /// Makes it lead elsewhere, if it still leads where it was found to.
    fn put(
        &self,
        account: &AccountId,
        reference: &Reference,
        link: &Link,
        found: Option<&Link>,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Makes it lead nowhere, if it still leads where it was found to.
    fn remove(
        &self,
        account: &AccountId,
        reference: &Reference,
        found: &Link,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Keeps a callback for a while, once however often it comes.
    fn park(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
        until: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a callback that was kept.
    fn unpark(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The callbacks that are kept for this reference, in any order.
    fn parked(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> impl Future<Output = Result<Vec<ProviderCallback>>> + Send;
}
