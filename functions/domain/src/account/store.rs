//! Accounts, and the ports to them and their API keys.

use std::future::Future;

use crate::account::api_key::{ApiKey, KeyId};
use crate::shared::ids::AccountId;
use crate::shared::timestamp::{Day, Timestamp};
use crate::shared::unavailable::Result;

/// A customer.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Friendly label.
    pub name: String,
    /// What its cursors are authenticated with.
    pub cursor_secret: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// Accounts and their API keys.
pub trait Accounts: Send + Sync {
    /// Stores a new account.
    fn create(&self, account: &Account) -> impl Future<Output = Result<()>> + Send;

    /// An account's cursor secret; `None` if there is no such account.
    fn cursor_secret(&self, id: &AccountId) -> impl Future<Output = Result<Option<[u8; 32]>>> + Send;

    /// Stores a new key.
    fn add_key(&self, key: &ApiKey) -> impl Future<Output = Result<()>> + Send;

    /// The key of that id, revoked or not.
    fn key(&self, id: &KeyId) -> impl Future<Output = Result<Option<ApiKey>>> + Send;

    /// An account's keys, revoked or not, in the order of their ids.
    fn keys(&self, account: &AccountId) -> impl Future<Output = Result<Vec<ApiKey>>> + Send;

    /// Makes a key of that account good for nothing, from the next request on. The key as it is then; a key that was
    /// revoked before stays as it was. `None` if the account has no such key.
    fn revoke(
        &self,
        account: &AccountId,
        id: &KeyId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<ApiKey>>> + Send;
}

/// Remembers on which day a key was last used.
pub trait KeyUses: Send + Sync {
    /// If no later day is known.
    fn note(&self, id: &KeyId, day: Day) -> impl Future<Output = Result<()>> + Send;
}
