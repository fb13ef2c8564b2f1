//! Accounts and API keys.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{Put, ReturnValue, TransactWriteItem};
use bytes::Bytes;
use domain::account::api_key::{ApiKey, KeyId, Scope};
use domain::account::store::{Account, Accounts, KeyUses};
use domain::shared::ids::AccountId;
use domain::shared::timestamp::{Day, Timestamp};
use domain::shared::unavailable::{Result, Saved, Unavailable, readable};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, key, n, s, to_item};
use super::table::{Condition, Table};
use super::transaction::{Written, transact};

/// Sort key of an account's own row.
const ACCOUNT: &str = "account";

/// Sort key of an API key's row. The row has its own partition, because only the key tells which account a caller has.
const KEY: &str = "key";

/// Prefix of API keys' partitions, and of the sort keys of the rows that list them in their account's partition.
/// Functions update rows only in partitions with this prefix: see `NoteWhenKeysWereUsed` in the template.
const KEY_PREFIX: &str = "key#";

/// The accounts and API keys in the destinations table.
#[derive(Clone)]
pub struct AccountTable {
    pub(super) table: Table,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_day: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<u64>,
}

/// Lists an API key in its account's partition. All its other attributes are in its own row.
#[derive(Serialize, Deserialize)]
struct ListedKeyRow {
    key_id: String,
}

impl AccountTable {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table) }
    }

    async fn get(&self, key: Item) -> Result<Option<Item>> {
        self.table.get("read an account or key", key).await
    }

    /// An update of an API key's row, still without its expression.
    fn update_key(&self, id: &KeyId) -> UpdateItemFluentBuilder {
        self.table.client.update_item().table_name(&self.table.name).set_key(Some(key_key(id)))
    }

    /// Every id is random, so a row that already exists is our mistake.
    async fn put_new(&self, key: Item, row: &impl Serialize) -> Result<()> {
        let operation = "write an account or key";
        let mut item = to_item(row)?;
        item.extend(key);
        match self.table.put_if(operation, item, Condition::New).await? {
            Saved::Yes => Ok(()),
            Saved::Conflict | Saved::TooLarge => Err(Unavailable::new(operation, "its id already exists")),
        }
    }
}

fn key_key(id: &KeyId) -> Item {
    key(format!("{KEY_PREFIX}{}", id.as_str()), KEY)
}

fn parse_key(item: Item) -> Result<ApiKey> {
    let row: KeyRow = from_item(item)?;
    Ok(ApiKey {
        id: stored_id(&row.id)?,
        account_id: row.account_id,
        secret_hash: bytes32(&row.secret_hash)?,
        cursor_secret: bytes32(&row.cursor_secret)?,
        name: row.name,
        scopes: row.scopes,
        created_at: Timestamp::from_millis(row.created_at),
        last_used: row.last_used_day.map(Day::from_number),
        revoked_at: row.revoked_at.map(Timestamp::from_millis),
    })
}

/// The row stores only the id part of the key.
fn stored_id(id: &str) -> Result<KeyId> {
    KeyId::parse(&format!("vk_{id}")).map_err(|error| Unavailable::new("read an account or key", error))
}

/// Converts stored bytes, which must be 32.
pub(super) fn bytes32(bytes: &Bytes) -> Result<[u8; 32]> {
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

    async fn account(&self, id: &AccountId) -> Result<Option<Account>> {
        let Some(item) = self.get(key(id.as_str(), ACCOUNT)).await? else { return Ok(None) };
        let AccountRow { name, cursor_secret, created_at } = from_item(item)?;
        Ok(Some(Account {
            id: id.clone(),
            name,
            cursor_secret: bytes32(&cursor_secret)?,
            created_at: Timestamp::from_millis(created_at),
        }))
    }

    /// Writes the key and the row that lists it: both or neither.
    async fn add_key(&self, key: &ApiKey) -> Result<()> {
        let operation = "write an account or key";
        let row = KeyRow {
            id: key.id.as_str().to_owned(),
            account_id: key.account_id.clone(),
            secret_hash: Bytes::copy_from_slice(&key.secret_hash),
            cursor_secret: Bytes::copy_from_slice(&key.cursor_secret),
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at.as_millis(),
            last_used_day: key.last_used.map(Day::number),
            revoked_at: key.revoked_at.map(Timestamp::as_millis),
        };
        let (mut row, mut listed) =
            (to_item(&row)?, to_item(&ListedKeyRow { key_id: key.id.as_str().to_owned() })?);
        row.extend(key_key(&key.id));
        listed.extend(listed_key(key));
        let put = |item| {
            let put = Condition::New
                .guard(Put::builder().table_name(&self.table.name).set_item(Some(item)))
                .build();
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(|error| Unavailable::new(operation, error))
        };
        match transact(&self.table.client, operation, vec![put(row)?, put(listed)?]).await? {
            Written::Yes => Ok(()),
            Written::Refused(_) | Written::TooLarge => {
                Err(Unavailable::new(operation, "its id already exists"))
            }
        }
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>> {
        self.get(key_key(id)).await?.map(parse_key).transpose()
    }

    async fn keys(&self, account: &AccountId) -> Result<Vec<ApiKey>> {
        let rows = self.table.rows("list keys", account.to_string(), KEY_PREFIX, None).await?;
        let ids = rows.into_iter().map(|row| stored_id(&from_item::<ListedKeyRow>(row)?.key_id));
        let ids = ids.collect::<Result<Vec<_>>>()?;
        let keys = try_join_all(ids.iter().map(|id| self.get(key_key(id)))).await?;
        Ok(readable(keys.into_iter().flatten().map(parse_key)))
    }

    async fn revoke(&self, account: &AccountId, id: &KeyId, at: Timestamp) -> Result<Option<ApiKey>> {
        let response = self
            .update_key(id)
            .update_expression("SET revoked_at = if_not_exists(revoked_at, :at)")
            .condition_expression("account_id = :account")
            .expression_attribute_values(":at", n(at.as_millis()))
            .expression_attribute_values(":account", s(account.as_str()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match response.map_err(SdkError::into_service_error) {
            Ok(response) => response.attributes.map(parse_key).transpose(),
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            Err(error) => Err(Unavailable::new("revoke a key", error)),
        }
    }
}

impl KeyUses for AccountTable {
    async fn record(&self, id: &KeyId, day: Day) -> Result<()> {
        let response = self
            .update_key(id)
            .update_expression("SET last_used_day = :day")
            // An update must not recreate a deleted row with this attribute alone.
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(last_used_day) OR last_used_day < :day)",
            )
            .expression_attribute_values(":day", n(day.number()))
            .send()
            .await;
        match response.map_err(SdkError::into_service_error) {
            // Refused: another request has already recorded this day.
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(Unavailable::new("record a key's use", error)),
        }
    }
}

fn listed_key(api_key: &ApiKey) -> Item {
    key(api_key.account_id.as_str(), format!("{KEY_PREFIX}{}", api_key.id.as_str()))
}
