//! Manages accounts, API keys, portal links and provider secrets by direct invocation: `{"create_account": …}`,
//! `{"create_api_key": …}`, `{"list_api_keys": …}`, `{"revoke_api_key": …}`, `{"create_portal_link": …}`,
//! `{"set_provider_secret": …}`.

use adapters::function::Error;
use domain::account::api_key::{ApiKey, KeyId, PresentedKey, Scope};
use domain::account::session::Role;
use domain::account::store::{Account, Accounts};
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::ProviderSecret;
use domain::destination::record::DestinationName;
use domain::shared::ids::AccountId;
use domain::shared::invalid::Invalid;
use domain::shared::randomness::Seed;
use domain::shared::timestamp::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Manage;
use strum::VariantArray;

/// The command in a direct invocation.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    CreateAccount(CreateAccount),
    CreateApiKey(CreateApiKey),
    ListApiKeys(ListApiKeys),
    RevokeApiKey(RevokeApiKey),
    CreatePortalLink(CreatePortalLink),
    SetProviderSecret(SetProviderSecret),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateAccount {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateApiKey {
    account_id: AccountId,
    name: String,
    #[serde(default = "all_scopes")]
    scopes: Vec<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListApiKeys {
    account_id: AccountId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeApiKey {
    account_id: AccountId,
    /// `vk_` followed by the key's id.
    key_id: String,
}

/// A key as operators see it, without its secret.
#[derive(Serialize)]
struct KeyView<'a> {
    key_id: &'a KeyId,
    name: &'a str,
    scopes: &'a [Scope],
    created_at: Timestamp,
    /// Only the day is recorded.
    last_used_at: Option<Day>,
    revoked_at: Option<Timestamp>,
}

impl<'a> From<&'a ApiKey> for KeyView<'a> {
    fn from(key: &'a ApiKey) -> Self {
        let ApiKey { id, name, scopes, created_at, last_used, revoked_at, .. } = key;
        Self {
            key_id: id,
            name,
            scopes,
            created_at: *created_at,
            last_used_at: *last_used,
            revoked_at: *revoked_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatePortalLink {
    account_id: AccountId,
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetProviderSecret {
    account_id: AccountId,
    provider: Provider,
    secret: String,
}

fn all_scopes() -> Vec<Scope> {
    Scope::VARIANTS.to_vec()
}

impl Manage {
    /// Runs a command. An error reaches the invoker as a Lambda function error, and the log.
    pub(crate) async fn direct(&self, event: &RawValue) -> Result<Value, Error> {
        match read(event)? {
            Command::CreateAccount(command) => self.create_account(command).await,
            Command::CreateApiKey(command) => self.create_api_key(command).await,
            Command::ListApiKeys(command) => self.list_api_keys(command).await,
            Command::RevokeApiKey(command) => self.revoke_api_key(command).await,
            Command::CreatePortalLink(command) => self.create_link(command).await,
            Command::SetProviderSecret(command) => self.set_provider_secret(command).await,
        }
    }

    async fn create_account(&self, CreateAccount { name }: CreateAccount) -> Result<Value, Error> {
        let account = Account {
            id: AccountId::new(self.randomness.bytes()),
            name: label(&name)?,
            cursor_secret: self.randomness.bytes(),
            created_at: self.clock.now(),
        };
        self.accounts.create(&account).await?;
        Ok(json!({"account_id": account.id, "name": account.name, "created_at": account.created_at}))
    }

    /// Creates a key and shows it once.
    async fn create_api_key(&self, command: CreateApiKey) -> Result<Value, Error> {
        let CreateApiKey { account_id, name, mut scopes } = command;
        let name = label(&name)?;
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err("scopes must name at least one of ingest, manage, read".into());
        }
        let cursor_secret = self.existing(&account_id).await?.cursor_secret;
        let presented = PresentedKey::new(self.randomness.bytes());
        let key = ApiKey {
            id: presented.id().clone(),
            account_id,
            secret_hash: presented.secret_hash(),
            cursor_secret,
            name,
            scopes,
            created_at: self.clock.now(),
            last_used: None,
            revoked_at: None,
        };
        self.accounts.add_key(&key).await?;
        Ok(json!({
            "api_key": presented.reveal(),
            "key_id": key.id,
            "account_id": key.account_id,
            "name": key.name,
            "scopes": key.scopes,
            "created_at": key.created_at,
        }))
    }

    async fn list_api_keys(&self, ListApiKeys { account_id }: ListApiKeys) -> Result<Value, Error> {
        self.existing(&account_id).await?;
        let keys = self.accounts.keys(&account_id).await?;
        let keys: Vec<_> = keys.iter().map(KeyView::from).collect();
        Ok(json!({ "api_keys": keys }))
    }

    /// Revokes a key: from its next request on, it is treated as unknown. Revoking it twice changes nothing.
    async fn revoke_api_key(&self, command: RevokeApiKey) -> Result<Value, Error> {
        let RevokeApiKey { account_id, key_id } = command;
        let id = KeyId::parse(&key_id)?;
        let revoked = self.accounts.revoke(&account_id, &id, self.clock.now()).await?;
        let revoked = revoked.ok_or("the account has no such key")?;
        Ok(serde_json::to_value(KeyView::from(&revoked))?)
    }

    /// Makes a link to the Webhooks page. The invoker of a function does not say where its API is, as a request does.
    async fn create_link(&self, command: CreatePortalLink) -> Result<Value, Error> {
        let CreatePortalLink { account_id, role } = command;
        let base =
            self.public_url.as_ref().ok_or("a link needs the stack's parameter PublicUrl or DomainName")?;
        let secret = self.existing(&account_id).await?.cursor_secret;
        let url = |path: &str| base.join(path);
        let link = self.portal_link(&account_id, &secret, role, &Seed::new(self.randomness.bytes()), url);
        Ok(serde_json::to_value(link)?)
    }

    async fn set_provider_secret(&self, command: SetProviderSecret) -> Result<Value, Error> {
        let SetProviderSecret { account_id, provider, secret } = command;
        let secret = ProviderSecret::parse(provider, secret)?;
        self.existing(&account_id).await?;
        Ok(serde_json::to_value(self.keep_provider_secret(&account_id, provider, &secret).await?)?)
    }

    /// An account; fails if it does not exist.
    async fn existing(&self, account: &AccountId) -> Result<Account, Error> {
        Ok(self.accounts.account(account).await?.ok_or("there is no such account")?)
    }
}

/// The label of an account or a key, by the rule for a destination's.
fn label(name: &str) -> Result<String, Invalid> {
    Ok(DestinationName::parse(name)?.as_str().to_owned())
}

/// Parses a command. The parser's own message quotes values, which may be secrets, and an invocation's error is logged.
fn read(event: &RawValue) -> Result<Command, Error> {
    serde_json::from_str(event.get()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("this is not a command, or a field is unknown, missing or of the wrong type (line {line}, column {column})")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_cannot_be_read_is_not_repeated() {
        for event in [
            r#"{"set_provider_secret": "hush"}"#,
            r#"{"set_provider_secret": {"account_id": "acc_1", "provider": "hush", "secret": "x"}}"#,
            r#"{"set_provider_secret": {"account_id": "acc_1", "provider": "daily", "hush": "x"}}"#,
            r#"{"hush": {}}"#,
            r#""hush""#,
        ] {
            let event = RawValue::from_string(event.to_owned()).unwrap();
            let error = read(&event).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }
}
