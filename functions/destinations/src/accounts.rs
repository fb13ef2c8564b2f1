//! Accounts, API keys and the secrets of providers, by direct invocation: `{"create_account": …}`,
//! `{"create_api_key": …}`, `{"set_provider_secret": …}`.

use adapters::function::Error;
use domain::api_key::{Account, ApiKey, PresentedKey, Scope};
use domain::ids::AccountId;
use domain::ports::Accounts;
use domain::provider::{Provider, ProviderSecret};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Manage;

/// What a direct invocation asks for.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    CreateAccount(CreateAccount),
    CreateApiKey(CreateApiKey),
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
struct SetProviderSecret {
    account_id: AccountId,
    provider: Provider,
    secret: String,
}

fn all_scopes() -> Vec<Scope> {
    Scope::ALL.to_vec()
}

impl Manage {
    /// An error reaches the invoker as Lambda's own function error.
    pub(crate) async fn direct(&self, event: &RawValue) -> Result<Value, Error> {
        match serde_json::from_str(event.get())? {
            Command::CreateAccount(command) => self.create_account(command).await,
            Command::CreateApiKey(command) => self.create_api_key(command).await,
            Command::SetProviderSecret(command) => self.set_provider_secret(command).await,
        }
    }

    async fn create_account(&self, CreateAccount { name }: CreateAccount) -> Result<Value, Error> {
        let account = Account {
            id: AccountId::new(self.chance.bytes()),
            name,
            cursor_secret: self.chance.bytes(),
            created_at: self.clock.now(),
        };
        self.accounts.create(&account).await?;
        Ok(json!({"account_id": account.id, "name": account.name, "created_at": account.created_at}))
    }

    /// The key is shown here and never again.
    async fn create_api_key(&self, command: CreateApiKey) -> Result<Value, Error> {
        let CreateApiKey { account_id, name, mut scopes } = command;
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err("scopes must name at least one of ingest, manage, read".into());
        }
        let cursor_secret =
            self.accounts.cursor_secret(&account_id).await?.ok_or("there is no such account")?;
        let presented = PresentedKey::new(self.chance.bytes());
        let key = ApiKey {
            id: presented.id().to_owned(),
            account_id,
            secret_hash: presented.secret_hash(),
            cursor_secret,
            name,
            scopes,
            created_at: self.clock.now(),
        };
        self.accounts.add_key(&key).await?;
        Ok(json!({
            "api_key": presented.reveal(),
            "account_id": key.account_id,
            "name": key.name,
            "scopes": key.scopes,
            "created_at": key.created_at,
        }))
    }
    async fn set_provider_secret(&self, command: SetProviderSecret) -> Result<Value, Error> {
        let SetProviderSecret { account_id, provider, secret } = command;
        let secret = ProviderSecret::parse(provider, secret)?;
        self.accounts.cursor_secret(&account_id).await?.ok_or("there is no such account")?;
        Ok(serde_json::to_value(self.keep_provider_secret(&account_id, provider, &secret).await?)?)
    }
}
