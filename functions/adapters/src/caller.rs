//! Authenticates a request by its API key in `X-API-Key`, and limits the rate of its account's requests.

mod best_effort;
mod request_limit;

use std::sync::Arc;

use domain::account::api_key::{ApiKey, PresentedKey, Scope};
use domain::account::store::{Accounts, KeyUses};
use domain::shared::clock::Clock;
use domain::shared::ids::AccountId;
use domain::shared::rate::{RateCounter, RateLimit};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Unavailable;
use futures_util::future::join;

use self::best_effort::best_effort;
use self::request_limit::RequestLimit;
use crate::dynamodb::{AccountTable, RateTable};
use crate::http::problem::{Code, Problem};
use crate::http::request::Request;

/// A caller whose API key has the scope that its request needs.
pub struct Caller {
    /// The caller's account: every lookup for the request is limited to it.
    pub account_id: AccountId,
    /// Authenticates the caller's cursors.
    pub cursor_secret: [u8; 32],
    /// Whether the caller may see destinations' settings: their URLs can hold a customer's tokens.
    pub manages: bool,
}

/// Authenticates, authorizes and rate-limits callers.
pub struct Callers<A = AccountTable, R = RateTable> {
    accounts: A,
    limit: RequestLimit<R>,
    clock: Arc<dyn Clock>,
}

impl<A: Accounts + KeyUses, R: RateCounter> Callers<A, R> {
    /// Creates the check from its ports. Without a limit, nothing is counted.
    pub fn new(accounts: A, rates: R, limit: Option<RateLimit>, clock: Arc<dyn Clock>) -> Self {
        Self { accounts, limit: RequestLimit::new(rates, limit), clock }
    }

    /// Looks up the caller's key, counts the request, and records the day on which the key was last used, whatever its
    /// scope. Every missing, malformed, unknown or revoked key gets the same response.
    pub async fn admit(&self, request: &Request, scope: Scope) -> Result<Caller, Problem> {
        let key = self.valid_key(request).await?;
        let now = self.clock.now();
        let (within_limit, ()) =
            join(self.limit.count(&key.account_id, now), self.record_use(&key, now)).await;
        within_limit?;
        authorize(key, scope)
    }

    async fn valid_key(&self, request: &Request) -> Result<ApiKey, Problem> {
        self.stored_key(request).await?.ok_or_else(|| {
            let detail = "Send a valid API key in the header X-API-Key.";
            Problem::new(Code::Unauthorized, detail)
        })
    }

    async fn stored_key(&self, request: &Request) -> Result<Option<ApiKey>, Unavailable> {
        let Some(Ok(presented)) = request.header("x-api-key").map(PresentedKey::parse) else {
            return Ok(None);
        };
        let stored = self.accounts.key(presented.id()).await?;
        Ok(stored.filter(|stored| presented.matches(stored)))
    }

    /// Records that the key was used today. If that fails, the next request of the day tries again.
    async fn record_use(&self, key: &ApiKey, now: Timestamp) {
        let today = now.day();
        if key.must_record_use(today) {
            best_effort("record a key's use", self.accounts.record(&key.id, today)).await;
        }
    }
}

fn authorize(key: ApiKey, scope: Scope) -> Result<Caller, Problem> {
    if !key.scopes.contains(&scope) {
        let detail =
            format!("This API key does not have the scope \"{}\" that this route needs.", scope.as_ref());
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let manages = key.scopes.contains(&Scope::Manage);
    Ok(Caller { account_id: key.account_id, cursor_secret: key.cursor_secret, manages })
}

#[cfg(test)]
mod tests;
