//! Manages accounts, API keys, portal links and provider secrets by direct invocation: `{"create_account": …}`,
//! `{"delete_account": …}`, `{"list_accounts": …}`, `{"show_account": …}`, `{"suspend_account": …}`, `{"resume_account": …}`,
//! `{"create_api_key": …}`, `{"list_api_keys": …}`, `{"revoke_api_key": …}`, `{"create_portal_link": …}`,
//! `{"set_provider_secret": …}`.

use adapters::function::Error;
use domain::account::api_key::{KeyId, PresentedKey, Scope};
use domain::account::purge;
use domain::account::session::Role;
use domain::account::store::{Account, AccountState, Accounts};
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::ProviderSecret;
use domain::shared::ids::AccountId;
use domain::shared::randomness::Seed;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Saved;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Manage;
use crate::keys::{KeyList, KeyView, NewKey, TOO_MANY, label};
use strum::VariantArray;

/// The most accounts in a page: each is read by itself.
const MAX_ACCOUNTS: usize = 100;

/// The command in a direct invocation.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    CreateAccount(CreateAccount),
    ListAccounts(ListAccounts),
    ShowAccount(OneAccount),
    SuspendAccount(OneAccount),
    ResumeAccount(OneAccount),
    DeleteAccount(OneAccount),
    PurgeAccounts {},
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
struct ListAccounts {
    /// The account after which the page begins.
    after: Option<AccountId>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneAccount {
    account_id: AccountId,
}

/// An account as operators see it.
#[derive(Serialize)]
struct AccountView<'a> {
    account_id: &'a AccountId,
    name: &'a str,
    state: AccountState,
    created_at: Timestamp,
    /// Of an account that is being deleted, or is.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_deleted: Option<u64>,
}

impl<'a> From<&'a Account> for AccountView<'a> {
    fn from(Account { id, name, state, created_at, rows_deleted, .. }: &'a Account) -> Self {
        Self { account_id: id, name, state: *state, created_at: *created_at, rows_deleted: *rows_deleted }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateApiKey {
    account_id: AccountId,
    name: String,
    #[serde(default = "all_scopes")]
    scopes: Vec<Scope>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
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
            Command::ListAccounts(command) => self.list_accounts(command).await,
            Command::ShowAccount(command) => self.account_in(&command.account_id, None).await,
            Command::SuspendAccount(command) => {
                self.account_in(&command.account_id, Some(AccountState::Suspended)).await
            }
            Command::ResumeAccount(command) => {
                self.account_in(&command.account_id, Some(AccountState::Active)).await
            }
            Command::DeleteAccount(command) => self.delete_account(&command.account_id).await,
            Command::PurgeAccounts {} => Ok(self.purge_accounts().await),
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
            state: AccountState::Active,
            cursor_secret: self.randomness.bytes(),
            created_at: self.clock.now(),
            rows_deleted: None,
        };
        self.accounts.create(&account).await?;
        Ok(serde_json::to_value(AccountView::from(&account))?)
    }

    /// A page of accounts, and after which one the next page begins.
    async fn list_accounts(&self, ListAccounts { after, limit }: ListAccounts) -> Result<Value, Error> {
        let limit = limit.unwrap_or(MAX_ACCOUNTS);
        if !(1..=MAX_ACCOUNTS).contains(&limit) {
            return Err(format!("limit must be 1 to {MAX_ACCOUNTS}").into());
        }
        let page = self.accounts.list(after.as_ref(), limit).await?;
        let next = page.last().filter(|_| page.len() == limit).map(|last| &last.id);
        let accounts: Vec<_> = page.iter().map(AccountView::from).collect();
        Ok(json!({"accounts": accounts, "after": next}))
    }

    /// Shows an account, once it has this state. Each step can be repeated: a command that died is given again.
    async fn account_in(&self, id: &AccountId, state: Option<AccountState>) -> Result<Value, Error> {
        let account = self.accounts.account(id).await?;
        let mut account = account.ok_or("there is no such account")?;
        if let Some(purge) = self.accounts.purge(id).await? {
            account.rows_deleted = Some(purge.rows_deleted);
        }
        if let Some(state) = state {
            let is_deleted = matches!(account.state, AccountState::Deleting | AccountState::Deleted);
            if is_deleted {
                return Err("the account has been deleted or is being deleted".into());
            }
            if self.accounts.set_state(&account, state).await? != Saved::Yes {
                return Err("another command is changing the account's state; try again".into());
            }
            // Then what is there follows: a command that dies before this leaves keys refused, or refused soon.
            self.accounts.set_suspended(id, state == AccountState::Suspended).await?;
            // A later command may have been overtaken.
            let stored = self.accounts.account(id).await?.map(|account| account.state);
            if stored != Some(state) {
                self.accounts.set_suspended(id, stored != Some(AccountState::Active)).await?;
                return Err("another command is changing the account's state; try again".into());
            }
            account.state = state;
        }
        Ok(serde_json::to_value(AccountView::from(&account))?)
    }

    /// Refuses the account from now on, and has its rows deleted by the runs of the schedule. Each step can be repeated.
    async fn delete_account(&self, id: &AccountId) -> Result<Value, Error> {
        let account = self.accounts.account(id).await?.ok_or("there is no such account")?;
        if let AccountState::Active | AccountState::Suspended = account.state
            && self.accounts.begin_purge(&account).await? != Saved::Yes
        {
            return Err("another command is changing the account's state; try again".into());
        }
        if account.state != AccountState::Deleted {
            self.accounts.set_suspended(id, true).await?;
        }
        self.account_in(id, None).await
    }

    /// Goes on with the purges. Logs a failure instead of failing the invocation: the schedule tries again within a minute.
    async fn purge_accounts(&self) -> Value {
        if let Err(error) = purge::run(&self.purges, &*self.clock).await {
            error.log();
        }
        Value::Null
    }

    /// Creates a key and shows it once.
    async fn create_api_key(&self, command: CreateApiKey) -> Result<Value, Error> {
        let CreateApiKey { account_id, name, scopes, expires_at } = command;
        let new = NewKey::new(&name, scopes, expires_at, self.clock.now())?;
        let account = self.active(&account_id).await?;
        let presented = PresentedKey::new(self.randomness.bytes());
        let key = self.add_key(&account_id, account.cursor_secret, new, &presented).await?.ok_or(TOO_MANY)?;
        Ok(serde_json::to_value(KeyView::new(&key).with_secret(&presented))?)
    }

    async fn list_api_keys(&self, ListApiKeys { account_id }: ListApiKeys) -> Result<Value, Error> {
        self.existing(&account_id).await?;
        Ok(serde_json::to_value(KeyList::new(&self.accounts.keys(&account_id).await?))?)
    }

    /// Revokes a key: from its next request on, it is treated as unknown. Revoking it twice changes nothing.
    async fn revoke_api_key(&self, command: RevokeApiKey) -> Result<Value, Error> {
        let RevokeApiKey { account_id, key_id } = command;
        let id = KeyId::parse(&key_id)?;
        let revoked = self.accounts.revoke(&account_id, &id, self.clock.now()).await?;
        let revoked = revoked.ok_or("the account has no such key")?;
        Ok(serde_json::to_value(KeyView::new(&revoked))?)
    }

    /// Makes a link to the Webhooks page. The invoker of a function does not say where its API is, as a request does.
    async fn create_link(&self, command: CreatePortalLink) -> Result<Value, Error> {
        let CreatePortalLink { account_id, role } = command;
        let base =
            self.public_url.as_ref().ok_or("a link needs the stack's parameter PublicUrl or DomainName")?;
        let secret = self.active(&account_id).await?.cursor_secret;
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

    /// An account that can be added to; fails if it is not.
    async fn active(&self, account: &AccountId) -> Result<Account, Error> {
        let account = self.existing(account).await?;
        if account.state == AccountState::Active {
            Ok(account)
        } else {
            Err("the account is suspended".into())
        }
    }

    /// An account; fails if it does not exist, or is deleted.
    async fn existing(&self, account: &AccountId) -> Result<Account, Error> {
        let is_there = |one: &Account| matches!(one.state, AccountState::Active | AccountState::Suspended);
        Ok(self.accounts.account(account).await?.filter(is_there).ok_or("there is no such account")?)
    }
}

/// Parses a command. The parser's own message quotes values, which may be secrets, and an invocation's error is logged; so
/// the error names only the field.
fn read(event: &RawValue) -> Result<Command, Error> {
    let mut parser = serde_json::Deserializer::from_str(event.get());
    serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let message = error.inner().to_string();
        let quoted = message.split('`').nth(1).unwrap_or_default();
        let mut path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let is_unknown = message.starts_with("unknown ");
        // A name that is unknown may be a secret, too; all names before it are known.
        if is_unknown && path.last().is_some_and(|name| name == quoted) {
            path.pop();
        }
        let rule = if message.starts_with("missing field") {
            path.push(quoted.to_owned());
            "is missing"
        } else if is_unknown {
            "has an unknown name or value"
        } else {
            "has the wrong type, or a value that it cannot have"
        };
        let place =
            if path.is_empty() { "the command".to_owned() } else { path.join(".").replace(".[", "[") };
        let (line, column) = (error.inner().line(), error.inner().column());
        format!("{place} {rule} (line {line}, column {column})").into()
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

    #[test]
    fn an_error_names_the_field() {
        for (event, named) in [
            (r#"{"create_account": {}}"#, "create_account.name is missing"),
            (r#"{"create_account": {"name": 5}}"#, "create_account.name has the wrong type"),
            (r#"{"create_account": {"name": "A", "nam": 5}}"#, "create_account has an unknown name"),
            (r#"{"create_acount": {}}"#, "the command has an unknown name"),
            (r#"{"list_accounts": {"limit": "ten"}}"#, "list_accounts.limit has the"),
            (
                r#"{"create_api_key": {"account_id": "acc_1", "name": "A", "scopes": ["red"]}}"#,
                "create_api_key.scopes[0] has",
            ),
            (
                r#"{"create_api_key": {"account_id": "acc_1", "name": "A", "expires_at": "tomorrow"}}"#,
                "create_api_key.expires_at has the",
            ),
            (r#"{"show_account": {"account_id": 5}}"#, "show_account.account_id has the"),
            (
                r#"{"create_portal_link": {"account_id": "acc_1", "role": "owner"}}"#,
                "create_portal_link.role has",
            ),
        ] {
            let event = RawValue::from_string(event.to_owned()).unwrap();
            let error = read(&event).err().unwrap().to_string();
            assert!(error.starts_with(named), "{error}");
        }
    }
}
