//! The purges of deleted accounts, and the rows that they delete.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use domain::account::purge::{Deleted, Place, Purge, Purges};
use domain::account::store::{AccountState, Accounts};
use domain::shared::ids::AccountId;
use domain::shared::unavailable::{Result, Saved, Unavailable, readable};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::accounts::{ACCOUNT, ACCOUNTS, AccountRow, AccountTable};
use super::item::{Item, from_item, key, n, s, to_item};
use super::table::{Condition, Table};

/// The partition of the purges that have not ended.
const PURGES: &str = "purges";

/// Rows of a page, of any account: it is read and deleted within a second.
const PAGE: i32 = 500;

/// Rows that are deleted at once.
const CONCURRENCY: usize = 25;

/// Prefixes before the account's id in some partition keys.
const PREFIXES: [&str; 5] = ["health#", "count#", "rate#", "answer#", "recovery#"];

/// The purges, and all tables.
pub struct PurgeTables {
    accounts: AccountTable,
    /// In the order in which a pass takes them: first what opens an account.
    tables: [Table; 3],
}

#[derive(Serialize, Deserialize)]
pub(super) struct PurgeRow {
    purge: Purge,
    /// The pages that were deleted: a write says how many it expects.
    pages: u64,
}

impl PurgeTables {
    /// Wraps the tables with these names: destinations, conversations, delivery log.
    #[must_use]
    pub fn new(client: &Client, tables: [String; 3]) -> Self {
        let accounts = AccountTable::new(client.clone(), tables[0].clone());
        Self { accounts, tables: tables.map(|name| Table::new(client.clone(), name)) }
    }
}

/// Whether a row belongs to an account, and is not the account's own row. A conversation's id may hold any text, also another
/// account's id, so a key is read from its beginning.
fn is_of(row: &Item, account: &AccountId) -> bool {
    let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    let pk = text("pk");
    let owner = PREFIXES.iter().find_map(|prefix| pk.strip_prefix(prefix)).unwrap_or(pk);
    let owner = owner.split('#').next().unwrap_or_default();
    let of_key = pk.starts_with("key#") && text("account_id") == account.as_str();
    let is_account = pk == account.as_str() && text("sk") == ACCOUNT;
    (owner == account.as_str() || of_key) && !is_account
}

fn purge_item(purge: &Purge) -> Result<Item> {
    let mut item = to_item(&PurgeRow { purge: purge.clone(), pages: purge.pages })?;
    item.extend(key(PURGES, purge.account_id.as_str()));
    Ok(item)
}

impl AccountTable {
    /// Stores that an account is being deleted, and a purge that begins: both or neither.
    pub(super) async fn begin(&self, row: Item, condition: Condition, purge: &Purge) -> Result<Saved> {
        let operation = "begin a purge";
        let unbuilt = |error| Unavailable::new(operation, error);
        let put = |item| Put::builder().table_name(&self.table.name).set_item(Some(item));
        let account = condition.guard(put(row)).build().map_err(unbuilt)?;
        let purge = Condition::New.guard(put(purge_item(purge)?)).build().map_err(unbuilt)?;
        let writes = [account, purge].map(|put| TransactWriteItem::builder().put(put).build());
        self.add(operation, writes.into()).await
    }

    pub(super) async fn stored_purge(&self, account: &AccountId) -> Result<Option<Purge>> {
        let item = self.table.get("read a purge", key(PURGES, account.as_str())).await?;
        item.map(|item| from_item::<PurgeRow>(item).map(|row| row.purge)).transpose()
    }
}

impl Purges for PurgeTables {
    async fn pending(&self) -> Result<Vec<Purge>> {
        let rows = self.tables[0].rows("read purges", PURGES.to_owned(), "acc_", None).await?;
        Ok(readable(rows.into_iter().map(|item| Ok(from_item::<PurgeRow>(item)?.purge))))
    }

    /// No index lists the rows of an account, so this reads all rows, also those of others.
    async fn delete_page(&self, account: &AccountId, Place { table, after }: &Place) -> Result<Deleted> {
        let operation = "delete the rows of an account";
        let stored = self.tables.get(*table).ok_or_else(|| Unavailable::new(operation, "no such table"))?;
        let start = after.as_ref().map(|(pk, sk)| key(pk, sk));
        let scan = stored.client.scan().table_name(&stored.name).consistent_read(true).limit(PAGE);
        let scan = scan.set_exclusive_start_key(start).projection_expression("pk, sk, account_id");
        // Less to transfer; `is_of` decides.
        let scan = scan
            .filter_expression("contains(pk, :account) OR account_id = :account")
            .expression_attribute_values(":account", s(account.as_str()));
        let page =
            scan.send().await.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        let rows = page.items.unwrap_or_default().into_iter().filter(|row| is_of(row, account));
        let keys: Vec<_> = rows.filter_map(|row| Some(key(text(&row, "pk")?, text(&row, "sk")?))).collect();
        let deletions = keys.into_iter().map(|key| stored.delete(operation, key));
        let deleted: Vec<bool> = stream::iter(deletions).buffer_unordered(CONCURRENCY).try_collect().await?;
        let last = page.last_evaluated_key.and_then(|last| Some((text(&last, "pk")?, text(&last, "sk")?)));
        let next = match last {
            Some(last) => Some(Place { table: *table, after: Some(last) }),
            None => {
                Some(Place { table: table + 1, after: None }).filter(|next| next.table < self.tables.len())
            }
        };
        Ok(Deleted { rows: deleted.into_iter().filter(|was_there| *was_there).count() as u64, next })
    }

    async fn save(&self, purge: &Purge) -> Result<Saved> {
        let before = n(purge.pages.saturating_sub(1));
        let condition = Condition::Unchanged(vec![("pages", before)]);
        self.tables[0].put_if("write a purge", purge_item(purge)?, condition).await
    }

    async fn finish(&self, purge: &Purge) -> Result<Saved> {
        let operation = "end a purge";
        let unbuilt = |error| Unavailable::new(operation, error);
        let account = self.accounts.account(&purge.account_id).await?;
        let Some(mut account) = account else { return Ok(Saved::Conflict) };
        account.name = String::new();
        account.rows_deleted = Some(purge.rows_deleted);
        let mut row = to_item(&AccountRow::of(&account, AccountState::Deleted))?;
        row.extend(key(account.id.as_str(), ACCOUNT));
        let name = &self.tables[0].name;
        let put = Put::builder().table_name(name).set_item(Some(row)).build().map_err(unbuilt)?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        for partition in [PURGES, ACCOUNTS] {
            let row = key(partition, account.id.as_str());
            let delete = Delete::builder().table_name(name).set_key(Some(row)).build().map_err(unbuilt)?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        self.accounts.add(operation, writes).await
    }
}

fn text(row: &Item, name: &str) -> Option<String> {
    row.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_told_from_those_of_other_accounts_by_the_beginning_of_its_key() {
        let account = AccountId::parse("acc_1").unwrap();
        let row = |pk: &str, sk: &str| key(pk, sk);
        for pk in
            ["acc_1", "acc_1#c-1", "health#acc_1", "rate#acc_1#5", "answer#acc_1#ab", "recovery#acc_1#rec_1"]
        {
            assert!(is_of(&row(pk, "x"), &account), "{pk}");
        }
        for pk in [
            "acc_2",
            "acc_2#acc_1",
            "acc_12",
            "acc_12#c",
            "health#acc_12",
            "rate#acc_2#acc_1",
            "accounts",
            "key#1",
        ] {
            assert!(!is_of(&row(pk, "acc_1"), &account), "{pk}");
        }
        let mut of_key = row("key#1", "key");
        of_key.insert("account_id".to_owned(), s("acc_1"));
        assert!(is_of(&of_key, &account));
        assert!(!is_of(&row("acc_1", ACCOUNT), &account), "its own row tells that it is deleted");
    }
}
