//! The secrets that providers sign their callbacks with, by account.

use aws_sdk_dynamodb::Client;
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::{ProviderSecret, ProviderSecretStore, ProviderSecrets};
use domain::shared::encryption::{Decryptor, EncryptionContext, Vault};
use domain::shared::ids::AccountId;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::{Result, Unavailable, readable};
use serde::{Deserialize, Serialize};

use super::item::{EncryptedRow, Item, from_item, key, to_item};
use super::table::Table;

/// Prefix of the sort keys of providers' rows.
const PREFIX: &str = "provider#";

/// The providers in the destinations table; `V` decrypts their secrets, or also encrypts them.
#[derive(Clone)]
pub struct ProviderTable<V> {
    table: Table,
    vault: V,
}

#[derive(Serialize, Deserialize)]
struct ProviderRow {
    provider: Provider,
    encrypted: EncryptedRow,
    updated_at: u64,
}

impl<V> ProviderTable<V> {
    /// Wraps the table with this name.
    #[must_use]
    pub fn new(client: Client, table: String, vault: V) -> Self {
        Self { table: Table::new(client, table), vault }
    }
}

fn provider_key(account: &AccountId, provider: Provider) -> Item {
    key(account.as_str(), format!("{PREFIX}{}", provider.as_ref()))
}

impl<V: Decryptor> ProviderSecrets for ProviderTable<V> {
    async fn get(&self, account: &AccountId, provider: Provider) -> Result<Option<ProviderSecret>> {
        let operation = "read a provider's secret";
        let Some(item) = self.table.get(operation, provider_key(account, provider)).await? else {
            return Ok(None);
        };
        let row: ProviderRow = from_item(item)?;
        let text = self
            .vault
            .decrypt(&EncryptionContext::provider(account, provider), &row.encrypted.into())
            .await?;
        // A `Utf8Error`'s message contains no part of the text.
        let text = std::str::from_utf8(&text).map_err(|error| Unavailable::new(operation, error))?;
        let secret = ProviderSecret::parse(provider, text);
        secret.map(Some).map_err(|error| Unavailable::new(operation, error))
    }
}

impl<V: Vault> ProviderSecretStore for ProviderTable<V> {
    async fn put(
        &self,
        account: &AccountId,
        provider: Provider,
        secret: &ProviderSecret,
        at: Timestamp,
    ) -> Result<()> {
        let context = EncryptionContext::provider(account, provider);
        let encrypted = self.vault.encrypt(&context, secret.reveal().as_bytes()).await?;
        let row = ProviderRow { provider, encrypted: encrypted.into(), updated_at: at.as_millis() };
        let mut item = to_item(&row)?;
        item.extend(provider_key(account, provider));
        self.table.put("write a provider's secret", item).await
    }

    async fn delete(&self, account: &AccountId, provider: Provider) -> Result<bool> {
        self.table.delete("delete a provider's secret", provider_key(account, provider)).await
    }

    async fn list(&self, account: &AccountId) -> Result<Vec<(Provider, Timestamp)>> {
        let rows = self.table.rows("read providers", account.to_string(), PREFIX, None).await?;
        let rows = rows.into_iter().map(from_item::<ProviderRow>);
        Ok(readable(rows.map(|row| row.map(|row| (row.provider, Timestamp::from_millis(row.updated_at))))))
    }
}
