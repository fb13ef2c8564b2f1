//! Accounts, and the ports that store them and their API keys.

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
    /// Authenticates its cursors.
    pub cursor_secret: [u8; 32],
    /// When it was created.
    pub created_at: Timestamp,
}

/// Stores accounts and their API keys.
pub trait Accounts: Send + Sync {
    /// Stores a new account.
    fn create(&self, account: &Account) -> impl Future<Output = Result<()>> + Send;

    /// An account's cursor secret; `None` if there is no such account.
    fn cursor_secret(&self, id: &AccountId) -> impl Future<Output = Result<Option<[u8; 32]>>> + Send;

    /// Stores a new key.
    fn add_key(&self, key: &ApiKey) -> impl Future<Output = Result<()>> + Send;

    /// The key with this id, revoked or not.
    fn key(&self, id: &KeyId) -> impl Future<Output = Result<Option<ApiKey>>> + Send;

    /// An account's keys, revoked or not, ordered by id.
    fn keys(&self, account: &AccountId) -> impl Future<Output = Result<Vec<ApiKey>>> + Send;

    /// Revokes a key of the account, from the next request on, and returns it. A key that is already revoked stays as
    /// it is. `None` if the account has no such key.
    fn revoke(
        &self,
        account: &AccountId,
        id: &KeyId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<ApiKey>>> + Send;
}

/// Records the day on which a key was last used.
pub trait KeyUses: Send + Sync {
    /// Stores the day unless a later one is stored.
    fn record(&self, id: &KeyId, day: Day) -> impl Future<Output = Result<()>> + Send;
}
