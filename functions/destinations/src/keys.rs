//! Routes for API keys: an account makes, lists and revokes its own.

use adapters::caller::Caller;
use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::account::api_key::{ApiKey, KeyId, PresentedKey, Scope};
use domain::account::store::{Accounts, AddedKey};
use domain::destination::record::DestinationName;
use domain::shared::ids::AccountId;
use domain::shared::invalid::{Invalid, Mistakes};
use domain::shared::json::JsonObject;
use domain::shared::randomness::Seed;
use domain::shared::timestamp::{Day, Timestamp};
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::Manage;

const SCOPES: &str = "must be an array of at least one of ingest, manage, read";

pub(crate) const TOO_MANY: &str = "An account can have at most 100 API keys that are not revoked. Revoke one first; one that \
                                   has expired counts, too.";

const EXPIRES_AT: &str = "must be a time in the future, such as 2027-01-01T00:00:00Z";

/// A key as it is shown.
#[derive(Serialize)]
pub(crate) struct KeyView<'a> {
    /// Shown only when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    key_id: &'a KeyId,
    name: &'a str,
    scopes: &'a [Scope],
    created_at: Timestamp,
    /// Only the day is recorded.
    last_used_at: Option<Day>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// All keys of an account.
#[derive(Serialize)]
pub(crate) struct KeyList<'a> {
    api_keys: Vec<KeyView<'a>>,
}

impl<'a> KeyView<'a> {
    pub(crate) fn new(key: &'a ApiKey) -> Self {
        let ApiKey { id, name, scopes, created_at, last_used, expires_at, revoked_at, .. } = key;
        Self {
            api_key: None,
            key_id: id,
            name,
            scopes,
            created_at: *created_at,
            last_used_at: *last_used,
            expires_at: *expires_at,
            revoked_at: *revoked_at,
        }
    }

    pub(crate) fn with_secret(self, presented: &PresentedKey) -> Self {
        Self { api_key: Some(presented.reveal()), ..self }
    }
}

impl<'a> KeyList<'a> {
    pub(crate) fn new(keys: &'a [ApiKey]) -> Self {
        Self { api_keys: keys.iter().map(KeyView::new).collect() }
    }
}

/// What is given about a new key.
pub(crate) struct NewKey {
    name: String,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
}

impl NewKey {
    pub(crate) fn new(
        name: &str,
        scopes: Vec<Scope>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Invalid> {
        Ok(Self { name: label(name)?, scopes: some(scopes)?, expires_at: ahead(expires_at, now)? })
    }

    /// Reads the fields of a request. A caller can give no scope that it does not have.
    fn parse(fields: &JsonObject, caller: &Caller, now: Timestamp) -> Result<Self, Invalid> {
        let mut all = Mistakes::default();
        all.note(fields.allow_only(&["name", "scopes", "expires_at"]));
        let name = fields.required::<String>("name", "must be a string").and_then(|name| label(&name));
        let scopes =
            fields.required("scopes", SCOPES).and_then(some).and_then(|scopes| among(caller, scopes));
        let expires_at = fields.optional::<Option<Timestamp>>("expires_at", EXPIRES_AT);
        let expires_at = expires_at.and_then(|at| ahead(at.flatten(), now));
        let given = (all.note(name), all.note(scopes), all.note(expires_at));
        all.none()?;
        let (name, scopes, expires_at) = given;
        Ok(Self {
            name: name.unwrap_or_default(),
            scopes: scopes.unwrap_or_default(),
            expires_at: expires_at.flatten(),
        })
    }
}

/// The label of an account or a key, by the rule for a destination's.
pub(crate) fn label(name: &str) -> Result<String, Invalid> {
    Ok(DestinationName::parse(name)?.as_str().to_owned())
}

/// Scopes of which there is one, each once.
fn some(mut scopes: Vec<Scope>) -> Result<Vec<Scope>, Invalid> {
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() { Err(Invalid::new("scopes", SCOPES)) } else { Ok(scopes) }
}

/// Scopes that the caller has.
fn among(caller: &Caller, scopes: Vec<Scope>) -> Result<Vec<Scope>, Invalid> {
    match scopes.iter().find(|scope| !caller.scopes.contains(scope)) {
        None => Ok(scopes),
        Some(scope) => {
            let rule = format!("must be among your own, and you do not have {}", scope.as_ref());
            Err(Invalid::new("scopes", rule))
        }
    }
}

/// A time in the future, or none.
fn ahead(at: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
    if at.is_none_or(|at| now < at) { Ok(at) } else { Err(Invalid::new("expires_at", EXPIRES_AT)) }
}

impl Manage {
    /// `GET /v1/api-keys`.
    pub(crate) async fn list_keys(&self, account: &AccountId) -> Result<Reply, Problem> {
        Ok(Reply::json(StatusCode::OK, &KeyList::new(&self.accounts.keys(account).await?)))
    }

    /// `POST /v1/api-keys`: makes a key and shows it once.
    pub(crate) async fn create_key(
        &self,
        caller: &Caller,
        request: &Request,
        seed: &Seed,
    ) -> Result<Reply, Problem> {
        let new = NewKey::parse(&request.json()?, caller, self.clock.now())?;
        let presented = PresentedKey::new(seed.bytes("api key"));
        let key = self.add_key(&caller.account_id, caller.cursor_secret, new, &presented).await?;
        let key = key.ok_or_else(|| Problem::new(Code::TooManyApiKeys, TOO_MANY))?;
        Ok(Reply::json(StatusCode::CREATED, &KeyView::new(&key).with_secret(&presented)))
    }

    /// `DELETE /v1/api-keys/{key_id}`: revokes a key. It stays listed.
    pub(crate) async fn revoke_key(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        let not_found = || Problem::not_found("API key");
        let id = KeyId::parse(request.path("key_id")).map_err(|_| not_found())?;
        let revoked = self.accounts.revoke(account, &id, self.clock.now()).await?;
        revoked.map(|_| Reply::empty(StatusCode::NO_CONTENT)).ok_or_else(not_found)
    }

    /// Stores a new key. If a request is repeated because it failed, the key that it has already made. `None` if the account
    /// has all the keys that it can have.
    pub(crate) async fn add_key(
        &self,
        account: &AccountId,
        cursor_secret: [u8; 32],
        NewKey { name, scopes, expires_at }: NewKey,
        presented: &PresentedKey,
    ) -> Result<Option<ApiKey>, Unavailable> {
        let key = ApiKey {
            id: presented.id().clone(),
            account_id: account.clone(),
            secret_hash: presented.secret_hash(),
            cursor_secret,
            name,
            scopes,
            created_at: self.clock.now(),
            last_used: None,
            expires_at,
            revoked_at: None,
            is_suspended: false,
        };
        let added = self.accounts.add_key(&key).await?;
        if added == AddedKey::Yes {
            return Ok(Some(key));
        }
        let made = self.accounts.key(&key.id).await?.filter(|made| made.secret_hash == key.secret_hash);
        match added {
            _ if made.is_some() => Ok(made),
            AddedKey::TooMany => Ok(None),
            // A repeat is told that the account is suspended, or succeeds once it is resumed.
            _ => Err(Unavailable::new("write a key", "its account is not active")),
        }
    }
}
