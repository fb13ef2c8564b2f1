//! Accounts and API keys.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update};
use bytes::Bytes;
use domain::account::api_key::{ApiKey, KeyId, Scope};
use domain::account::purge::Purge;
use domain::account::store::{Account, AccountState, Accounts, AddedKey, KeyUses, MAX_KEYS};
use domain::shared::ids::AccountId;
use domain::shared::timestamp::{Day, Timestamp};
use domain::shared::unavailable::{Result, Saved, Unavailable, readable};
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::item::{Item, from_item, key, n, s, to_attribute, to_item};
use super::table::{Condition, EXISTS, Table};
use super::transaction::{Written, transact};

/// Sort key of an account's own row.
pub(super) const ACCOUNT: &str = "account";

/// The partition of the rows that list accounts.
pub(super) const ACCOUNTS: &str = "accounts";

/// Sort key of an API key's row. The row has its own partition, because only the key tells which account a caller has.
const KEY: &str = "key";

/// Prefix of API keys' partitions, and of the sort keys of the rows that list them in their account's partition.
/// Functions update rows only in these partitions and those of counters: see `CountAndRevoke` in the template.
const KEY_PREFIX: &str = "key#";

/// How many keys or sessions are changed at once.
pub(super) const AT_ONCE: usize = 25;

/// The row that counts an account's keys that are not revoked, and its attribute.
const KEYS: &str = "api_keys";

/// The accounts and API keys in the destinations table.
#[derive(Clone)]
pub struct AccountTable {
    pub(super) table: Table,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccountRow {
    name: String,
    /// `state` is a reserved word of DynamoDB.
    account_state: AccountState,
    cursor_secret: Bytes,
    created_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows_deleted: Option<u64>,
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
    /// Not `expires_at`, by which the table would remove the row: an expired key stays listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    suspended: bool,
}

/// Lists an API key in its account's partition. All its other attributes are in its own row.
#[derive(Serialize, Deserialize)]
struct ListedKeyRow {
    key_id: String,
}

/// Lists an account. All its other attributes are in its own row.
#[derive(Serialize, Deserialize)]
struct ListedAccountRow {
    account_id: AccountId,
}

impl AccountRow {
    pub(super) fn of(account: &Account, state: AccountState) -> Self {
        Self {
            name: account.name.clone(),
            account_state: state,
            cursor_secret: Bytes::copy_from_slice(&account.cursor_secret),
            created_at: account.created_at.as_millis(),
            rows_deleted: account.rows_deleted,
        }
    }
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

    /// A write of a new row in a transaction.
    pub(super) fn put_new(&self, row: &impl Serialize, key: Item) -> Result<TransactWriteItem> {
        let mut item = to_item(row)?;
        item.extend(key);
        let put = Condition::New.guard(Put::builder().table_name(&self.table.name).set_item(Some(item)));
        let put = put.build().map_err(|error| Unavailable::new("write an account or key", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A check in a transaction that an account is active: nothing is added to it while it is being suspended.
    pub(super) fn check_active(&self, account: &AccountId) -> Result<TransactWriteItem> {
        let check = ConditionCheck::builder().table_name(&self.table.name);
        let check = check.set_key(Some(key(account.as_str(), ACCOUNT)));
        let check = check.condition_expression("account_state = :active");
        let check =
            check.expression_attribute_values(":active", to_attribute(&AccountState::Active)?).build();
        let check = check.map_err(|error| Unavailable::new("write an account or key", error))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    pub(super) async fn add(&self, operation: &'static str, writes: Vec<TransactWriteItem>) -> Result<Saved> {
        Ok(match transact(&self.table.client, operation, writes).await? {
            Written::Yes => Saved::Yes,
            Written::Refused(_) => Saved::Conflict,
            Written::TooLarge => Saved::TooLarge,
        })
    }

    async fn key_ids(&self, account: &AccountId) -> Result<Vec<KeyId>> {
        let rows = self.table.rows("list keys", account.to_string(), KEY_PREFIX, None).await?;
        rows.into_iter().map(|row| stored_id(&from_item::<ListedKeyRow>(row)?.key_id)).collect()
    }
}

/// The account's row in another state, and the condition that the stored one is still in the state of `account`.
fn changed(account: &Account, state: AccountState) -> Result<(Item, Condition)> {
    let mut row = to_item(&AccountRow::of(account, state))?;
    row.extend(key(account.id.as_str(), ACCOUNT));
    Ok((row, Condition::Unchanged(vec![("account_state", to_attribute(&account.state)?)])))
}

/// Whether the account with this row is active.
pub(super) fn is_active(row: &Item) -> bool {
    row.get("account_state")
        .is_some_and(|state| to_attribute(&AccountState::Active).is_ok_and(|active| *state == active))
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
        expires_at: row.valid_until.map(Timestamp::from_millis),
        revoked_at: row.revoked_at.map(Timestamp::from_millis),
        is_suspended: row.suspended,
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
    /// Writes the account and the row that lists it: both or neither.
    async fn create(&self, account: &Account) -> Result<()> {
        let operation = "write an account or key";
        let listed = ListedAccountRow { account_id: account.id.clone() };
        let writes = vec![
            self.put_new(&AccountRow::of(account, account.state), key(account.id.as_str(), ACCOUNT))?,
            self.put_new(&listed, key(ACCOUNTS, account.id.as_str()))?,
        ];
        match self.add(operation, writes).await? {
            Saved::Yes => Ok(()),
            // The id is random.
            Saved::Conflict | Saved::TooLarge => Err(Unavailable::new(operation, "its id already exists")),
        }
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>> {
        let Some(item) = self.get(key(id.as_str(), ACCOUNT)).await? else { return Ok(None) };
        let AccountRow { name, account_state, cursor_secret, created_at, rows_deleted } = from_item(item)?;
        Ok(Some(Account {
            id: id.clone(),
            name,
            state: account_state,
            cursor_secret: bytes32(&cursor_secret)?,
            created_at: Timestamp::from_millis(created_at),
            rows_deleted,
        }))
    }

    async fn list(&self, after: Option<&AccountId>, limit: usize) -> Result<Vec<Account>> {
        let operation = "list accounts";
        // No id sorts before it, and DynamoDB takes no empty key.
        let after = after.map_or(" ", AccountId::as_str);
        let query = self.table.query("sk > :after", ACCOUNTS).expression_attribute_values(":after", s(after));
        let page = query.limit(i32::try_from(limit).unwrap_or(i32::MAX)).send().await;
        let page = page.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        let ids = page.items.unwrap_or_default().into_iter().map(from_item::<ListedAccountRow>);
        let ids = ids.collect::<Result<Vec<_>>>()?;
        let accounts = try_join_all(ids.iter().map(|row| self.account(&row.account_id))).await?;
        Ok(accounts.into_iter().flatten().collect())
    }

    async fn set_state(&self, account: &Account, state: AccountState) -> Result<Saved> {
        let (row, condition) = changed(account, state)?;
        self.table.put_if("change an account's state", row, condition).await
    }

    async fn begin_purge(&self, account: &Account) -> Result<Saved> {
        let (row, condition) = changed(account, AccountState::Deleting)?;
        self.begin(row, condition, &Purge::new(account.id.clone())).await
    }

    async fn purge(&self, account: &AccountId) -> Result<Option<Purge>> {
        self.stored_purge(account).await
    }

    async fn set_suspended(&self, account: &AccountId, is_suspended: bool) -> Result<()> {
        let value = AttributeValue::Bool(is_suspended);
        let set_in_key = async |id: &KeyId| {
            let update = self.update_key(id).update_expression("SET suspended = :suspended");
            let update = update.condition_expression(EXISTS);
            let set = update.expression_attribute_values(":suspended", value.clone()).send().await;
            match set.map_err(SdkError::into_service_error) {
                // Refused: a purge has deleted it.
                Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                Err(error) => Err(Unavailable::new("change a key", error)),
            }
        };
        let ids = self.key_ids(account).await?;
        stream::iter(ids.iter().map(set_in_key)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.set_in_sessions(account, "suspended", &value).await
    }

    /// Writes the key and the row that lists it: both or neither.
    async fn add_key(&self, key: &ApiKey) -> Result<AddedKey> {
        let row = KeyRow {
            id: key.id.as_str().to_owned(),
            account_id: key.account_id.clone(),
            secret_hash: Bytes::copy_from_slice(&key.secret_hash),
            cursor_secret: Bytes::copy_from_slice(&key.cursor_secret),
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at.as_millis(),
            last_used_day: key.last_used.map(Day::number),
            valid_until: key.expires_at.map(Timestamp::as_millis),
            revoked_at: key.revoked_at.map(Timestamp::as_millis),
            suspended: key.is_suspended,
        };
        let listed = ListedKeyRow { key_id: key.id.as_str().to_owned() };
        let writes = vec![
            // The first write: if it is refused, the answer has the stored count.
            self.table.count(KEYS, &key.account_id, "1", MAX_KEYS)?,
            self.put_new(&row, key_key(&key.id))?,
            self.put_new(&listed, listed_key(key))?,
            self.check_active(&key.account_id)?,
        ];
        Ok(match transact(&self.table.client, "write an account or key", writes).await? {
            Written::Yes => AddedKey::Yes,
            Written::Refused(count) if !count.is_empty() => AddedKey::TooMany,
            Written::Refused(_) | Written::TooLarge => AddedKey::Conflict,
        })
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>> {
        self.get(key_key(id)).await?.map(parse_key).transpose()
    }

    async fn keys(&self, account: &AccountId) -> Result<Vec<ApiKey>> {
        let ids = self.key_ids(account).await?;
        let keys = try_join_all(ids.iter().map(|id| self.get(key_key(id)))).await?;
        Ok(readable(keys.into_iter().flatten().map(parse_key)))
    }

    async fn revoke(&self, account: &AccountId, id: &KeyId, at: Timestamp) -> Result<Option<ApiKey>> {
        let operation = "revoke a key";
        let update = Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(key_key(id)))
            .update_expression("SET revoked_at = :at")
            .condition_expression("account_id = :account AND attribute_not_exists(revoked_at)")
            .expression_attribute_values(":at", n(at.as_millis()))
            .expression_attribute_values(":account", s(account.as_str()))
            .build();
        let update = update.map_err(|error| Unavailable::new(operation, error))?;
        let writes = vec![
            TransactWriteItem::builder().update(update).build(),
            self.table.count(KEYS, account, "-1", u64::MAX)?,
        ];
        // Refused: it is revoked already, or not there.
        self.add(operation, writes).await?;
        Ok(self.key(id).await?.filter(|key| key.account_id == *account))
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
