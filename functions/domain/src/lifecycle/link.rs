//! Links from providers' references to conversations.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::conversation::provider::Reference;
use crate::lifecycle::provider_callback::ProviderCallback;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved};

/// The conversation that a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The last conversation to use the reference.
    pub conversation_id: ConversationId,
    /// When it was linked.
    pub since: Timestamp,
    /// The conversation before it: a room is used again and again, and callbacks can come late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<ConversationId>,
    /// Whether the conversation has ended: then the link expires when its record does.
    #[serde(default)]
    pub ended: bool,
}

/// Stores links, and the callbacks that came before their conversation.
pub trait References: Send + Sync {
    /// Loads the link of a reference.
    fn find(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> impl Future<Output = Result<Option<Link>>> + Send;

    /// Stores a link if the stored one is still `found`.
    fn put(
        &self,
        account: &AccountId,
        reference: &Reference,
        link: &Link,
        found: Option<&Link>,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Deletes a link if the stored one is still `found`.
    fn remove(
        &self,
        account: &AccountId,
        reference: &Reference,
        found: &Link,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Stores a callback until `until`; stores repeats once.
    fn park(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
        until: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes a parked callback.
    fn unpark(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The parked callbacks of this reference, in any order.
    fn parked(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> impl Future<Output = Result<Vec<ProviderCallback>>> + Send;
}
