//! Accounts, and the ports that store them, their API keys and their sessions.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::account::api_key::{ApiKey, KeyId};
use crate::account::purge::Purge;
use crate::account::session::{Session, SessionId};
use crate::shared::ids::AccountId;
use crate::shared::timestamp::{Day, Timestamp};
use crate::shared::unavailable::{Result, Saved};

/// The most keys of one account that are not revoked.
pub const MAX_KEYS: u64 = 100;

/// A customer.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Friendly label.
    pub name: String,
    /// Whether it is served.
    pub state: AccountState,
    /// Authenticates its cursors.
    pub cursor_secret: [u8; 32],
    /// When it was created.
    pub created_at: Timestamp,
    /// The rows that its purge has deleted, once it has ended.
    pub rows_deleted: Option<u64>,
}

/// The lifecycle state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Its requests are served.
    Active,
    /// Its keys and sessions are refused, and its events are skipped, until it is resumed.
    Suspended,
    /// Its rows are being deleted.
    Deleting,
    /// Its rows have been deleted.
    Deleted,
}

/// The result of storing a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedKey {
    /// The key is stored.
    Yes,
    /// The account has [`MAX_KEYS`].
    TooMany,
    /// There is a key with its id, or the account is not active.
    Conflict,
}

/// Stores accounts and their API keys.
pub trait Accounts: Send + Sync {
    /// Stores a new account.
    fn create(&self, account: &Account) -> impl Future<Output = Result<()>> + Send;

    /// An account; `None` if there is none with this id.
    fn account(&self, id: &AccountId) -> impl Future<Output = Result<Option<Account>>> + Send;

    /// Accounts ordered by id, after this one if it is given, at most `limit`.
    fn list(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Account>>> + Send;

    /// Changes an account's state; a conflict if it is no longer as in `account`.
    fn set_state(&self, account: &Account, state: AccountState)
    -> impl Future<Output = Result<Saved>> + Send;

    /// Begins to delete an account; a conflict if it is no longer as in `account`.
    fn begin_purge(&self, account: &Account) -> impl Future<Output = Result<Saved>> + Send;

    /// How far the purge of an account is; `None` if there is none.
    fn purge(&self, account: &AccountId) -> impl Future<Output = Result<Option<Purge>>> + Send;

    /// Copies the suspension to all keys and sessions of an account, so that one read authenticates a caller and shows it.
    fn set_suspended(
        &self,
        account: &AccountId,
        is_suspended: bool,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Stores a new key.
    fn add_key(&self, key: &ApiKey) -> impl Future<Output = Result<AddedKey>> + Send;

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

/// Stores the sessions of the portal.
pub trait Sessions: Send + Sync {
    /// Stores a new session: a conflict if its id was ever used, so that a link begins one session, or if the account is
    /// not active.
    fn begin(&self, session: &Session) -> impl Future<Output = Result<Saved>> + Send;

    /// Ends all sessions of an account. Their ids stay used.
    fn end_all(&self, account: &AccountId) -> impl Future<Output = Result<()>> + Send;

    /// The account's session with this id, ended or not.
    fn session(
        &self,
        account: &AccountId,
        id: &SessionId,
    ) -> impl Future<Output = Result<Option<Session>>> + Send;
}
