//! Sessions of the portal.

use bytes::Bytes;
use domain::account::session::{Role, Session, SessionId};
use domain::account::store::Sessions;
use domain::shared::ids::AccountId;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::accounts::{AccountTable, bytes32};
use super::item::{Item, from_item, key, to_attribute};
use super::table::Condition;

/// Prefix of the sort keys.
const PREFIX: &str = "session#";

#[derive(Serialize, Deserialize)]
struct SessionRow {
    role: Role,
    secret_hash: Bytes,
    cursor_secret: Bytes,
    suspended: bool,
    /// In seconds: the table's time to live.
    expires_at: u64,
}

fn session_key(account: &AccountId, id: &SessionId) -> Item {
    key(account.as_str(), format!("{PREFIX}{}", id.as_str()))
}

impl AccountTable {
    /// Marks the sessions of an account. Nothing else changes a session, but one that has ended may be removed.
    pub(super) async fn mark_sessions(&self, account: &AccountId, is_suspended: bool) -> Result<()> {
        let operation = "mark a session";
        let rows = self.table.rows(operation, account.to_string(), PREFIX, None).await?;
        let suspended = to_attribute(&is_suspended)?;
        let mark = async |mut row: Item| {
            let there = row.get("secret_hash").cloned();
            let there = there.ok_or_else(|| Unavailable::new(operation, "it has no secret"))?;
            row.insert("suspended".to_owned(), suspended.clone());
            let condition = Condition::Unchanged(vec![("secret_hash", there)]);
            self.table.put_if(operation, row, condition).await
        };
        try_join_all(rows.into_iter().map(mark)).await?;
        Ok(())
    }
}

impl Sessions for AccountTable {
    async fn begin(&self, session: &Session) -> Result<Saved> {
        let row = SessionRow {
            role: session.role,
            secret_hash: Bytes::copy_from_slice(&session.secret_hash),
            cursor_secret: Bytes::copy_from_slice(&session.cursor_secret),
            suspended: session.is_suspended,
            expires_at: session.expires_at.as_secs(),
        };
        let put = self.put_new(&row, session_key(&session.account_id, &session.id))?;
        self.add("begin a session", vec![put, self.check_active(&session.account_id)?]).await
    }

    async fn session(&self, account: &AccountId, id: &SessionId) -> Result<Option<Session>> {
        let Some(item) = self.table.get("read a session", session_key(account, id)).await? else {
            return Ok(None);
        };
        let row: SessionRow = from_item(item)?;
        Ok(Some(Session {
            account_id: account.clone(),
            id: id.clone(),
            role: row.role,
            secret_hash: bytes32(&row.secret_hash)?,
            cursor_secret: bytes32(&row.cursor_secret)?,
            expires_at: Timestamp::from_millis(row.expires_at * 1000),
            is_suspended: row.suspended,
        }))
    }
}
