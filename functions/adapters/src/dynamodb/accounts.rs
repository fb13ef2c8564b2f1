//! Accounts and API keys as items.

use aws_sdk_dynamodb::Client;
use bytes::Bytes;
use domain::api_key::{Account, ApiKey, Scope};
use domain::ids::AccountId;
use domain::ports::{Accounts, Result, Saved, Unavailable};
use domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, key, to_item};
use super::table::{If, Table};

/// Sort key of an account's own row.
const ACCOUNT: &str = "account";

/// Sort key of a key's row. It stands in a partition of its own, because a caller's account is known from it only.
const KEY: &str = "key";

/// The destinations table, as far as accounts and keys are concerned.
#[derive(Clone)]
pub struct AccountTable {
    table: Table,
}

#[derive(Serialize, Deserialize)]
struct AccountRow {
    name: String,
    cursor_secret: Bytes,
    created_at: u64,
}

#[derive(Serialize, Deserialize)]
struct KeyRow {
    id: String,
    account_id: AccountId,
    secret_hash: Bytes,
    cursor_secret: Bytes,
    name: String,
    scopes: Vec<Scope>,
    created_at: u64,
}

impl AccountTable {
    /// Over the table of that name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table) }
    }

    async fn get(&self, key: Item) -> Result<Option<Item>> {
        self.table.get("read an account or key", key).await
    }

    /// Chance makes each id, so a row that exists already is a fault of ours.
    async fn put_new(&self, key: Item, row: &impl Serialize) -> Result<()> {
        let doing = "write an account or key";
        let mut item = to_item(row)?;
        item.extend(key);
        match self.table.put_if(doing, item, If::New).await? {
            Saved::Yes => Ok(()),
            Saved::Conflict | Saved::TooLarge => Err(Unavailable::new(doing, "its id was given out before")),
        }
    }
}

fn key_key(id: &str) -> Item {
    key(format!("key#{id}"), KEY)
}

/// 32 bytes as they came from the table.
fn bytes32(bytes: &Bytes) -> Result<[u8; 32]> {
    <[u8; 32]>::try_from(&bytes[..]).map_err(|error| Unavailable::new("read an account or key", error))
}

impl Accounts for AccountTable {
    async fn create(&self, account: &Account) -> Result<()> {
        let row = AccountRow {
            name: account.name.clone(),
            cursor_secret: Bytes::copy_from_slice(&account.cursor_secret),
            created_at: account.created_at.as_millis(),
        };
        self.put_new(key(account.id.as_str(), ACCOUNT), &row).await
    }

    async fn cursor_secret(&self, id: &AccountId) -> Result<Option<[u8; 32]>> {
        let Some(item) = self.get(key(id.as_str(), ACCOUNT)).await? else { return Ok(None) };
        bytes32(&from_item::<AccountRow>(item)?.cursor_secret).map(Some)
    }

    async fn add_key(&self, key: &ApiKey) -> Result<()> {
        let row = KeyRow {
            id: key.id.clone(),
            account_id: key.account_id.clone(),
            secret_hash: Bytes::copy_from_slice(&key.secret_hash),
            cursor_secret: Bytes::copy_from_slice(&key.cursor_secret),
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at.as_millis(),
        };
        self.put_new(key_key(&key.id), &row).await
    }

    async fn key(&self, id: &str) -> Result<Option<ApiKey>> {
        let Some(item) = self.get(key_key(id)).await? else { return Ok(None) };
        let row: KeyRow = from_item(item)?;
        Ok(Some(ApiKey {
            id: row.id,
            account_id: row.account_id,
            secret_hash: bytes32(&row.secret_hash)?,
            cursor_secret: bytes32(&row.cursor_secret)?,
            name: row.name,
            scopes: row.scopes,
            created_at: Timestamp::from_millis(row.created_at),
        }))
    }
}
