//! Sessions of the portal.

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use domain::account::session::{Role, Session, SessionId};
use domain::account::store::Sessions;
use domain::shared::ids::AccountId;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::accounts::{AT_ONCE, AccountTable, bytes32};
use super::item::{Item, from_item, key, to_attribute};
use super::table::Condition;

/// Prefix of the sort keys.
const PREFIX: &str = "session#";

const CHANGE: &str = "change a session";

/// The hash in an ended session, which no token has. The row stays until it expires, so its link stays used.
const ENDED: [u8; 32] = [0; 32];

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
    /// Sets an attribute of all sessions of an account. A repeat goes on where a failure has left off.
    pub(super) async fn set_in_sessions(
        &self,
        account: &AccountId,
        name: &str,
        value: &AttributeValue,
    ) -> Result<()> {
        let mut rows = self.table.rows(CHANGE, account.to_string(), PREFIX, None).await?;
        rows.retain(|row| row.get(name) != Some(value));
        let changes = rows.into_iter().map(|row| self.set_in_session(row, name, value));
        stream::iter(changes).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Sets an attribute of a session, unless the table has removed it meanwhile.
    async fn set_in_session(&self, mut row: Item, name: &str, value: &AttributeValue) -> Result<()> {
        loop {
            let key: Item = ["pk", "sk"].iter().filter_map(|name| row.remove_entry(*name)).collect();
            let there = row.get("secret_hash").cloned();
            let there = there.ok_or_else(|| Unavailable::new(CHANGE, "it has no secret"))?;
            row.insert(name.to_owned(), value.clone());
            row.extend(key.clone());
            let condition = Condition::Unchanged(vec![("secret_hash", there)]);
            if self.table.put_if(CHANGE, row, condition).await? == Saved::Yes {
                return Ok(());
            }
            // Another writer: it was removed, or ended, or a request tried to begin it once more.
            match self.table.get(CHANGE, key).await? {
                Some(current) => row = current,
                None => return Ok(()),
            }
        }
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

    async fn end_all(&self, account: &AccountId) -> Result<()> {
        self.set_in_sessions(account, "secret_hash", &to_attribute(&Bytes::from_static(&ENDED))?).await
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
