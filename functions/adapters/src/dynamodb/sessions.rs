//! Sessions of the portal.

use bytes::Bytes;
use domain::account::session::{Role, Session, SessionId};
use domain::account::store::Sessions;
use domain::shared::ids::AccountId;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved};
use serde::{Deserialize, Serialize};

use super::accounts::{AccountTable, bytes32};
use super::item::{Item, from_item, key, to_item};
use super::table::Condition;

#[derive(Serialize, Deserialize)]
struct SessionRow {
    role: Role,
    secret_hash: Bytes,
    cursor_secret: Bytes,
    /// In seconds: the table's time to live.
    expires_at: u64,
}

fn session_key(account: &AccountId, id: &SessionId) -> Item {
    key(account.as_str(), format!("session#{}", id.as_str()))
}

impl Sessions for AccountTable {
    async fn begin(&self, session: &Session) -> Result<Saved> {
        let mut item = to_item(&SessionRow {
            role: session.role,
            secret_hash: Bytes::copy_from_slice(&session.secret_hash),
            cursor_secret: Bytes::copy_from_slice(&session.cursor_secret),
            expires_at: session.expires_at.as_secs(),
        })?;
        item.extend(session_key(&session.account_id, &session.id));
        self.table.put_if("begin a session", item, Condition::New).await
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
        }))
    }
}
