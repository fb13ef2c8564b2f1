//! Authenticates a request by its API key in `X-API-Key`, or by the token of a portal session in `Authorization`, and
//! limits the rate of its account's requests.

mod best_effort;
mod request_limit;

use std::sync::Arc;

use domain::account::api_key::{ApiKey, PresentedKey, Scope};
use domain::account::session::{PresentedSession, Session};
use domain::account::store::{Accounts, KeyUses, Sessions};
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

/// A caller whose API key or session has the scope that its request needs.
pub struct Caller {
    /// The caller's account: every lookup for the request is limited to it.
    pub account_id: AccountId,
    /// Authenticates the caller's cursors.
    pub cursor_secret: [u8; 32],
    /// All that the caller may do.
    pub scopes: Vec<Scope>,
    /// When the caller's session ends.
    pub expires_at: Option<Timestamp>,
    is_suspended: bool,
}

/// Authenticates, authorizes and rate-limits callers.
pub struct Callers<A = AccountTable, R = RateTable> {
    accounts: A,
    limit: RequestLimit<R>,
    clock: Arc<dyn Clock>,
}

impl<A: Accounts + KeyUses + Sessions, R: RateCounter> Callers<A, R> {
    /// Creates the check from its ports. Without a limit, nothing is counted.
    pub fn new(accounts: A, rates: R, limit: Option<RateLimit>, clock: Arc<dyn Clock>) -> Self {
        Self { accounts, limit: RequestLimit::new(rates, limit), clock }
    }

    /// Looks up the caller's key or session, counts the request, and records the day on which the key was last used,
    /// whatever its scope. Every missing, malformed, unknown, revoked or expired one gets the same response.
    pub async fn admit(&self, request: &Request, scope: Scope) -> Result<Caller, Problem> {
        let now = self.clock.now();
        let (caller, key) = self.identify(request, now).await?.ok_or_else(unauthorized)?;
        let (within_limit, ()) =
            join(self.limit.count(&caller.account_id, now), self.record_use(key.as_ref(), now)).await;
        within_limit?;
        if caller.is_suspended {
            return Err(Problem::suspended());
        }
        authorize(caller, scope)
    }

    /// The caller, and the key if it has one.
    async fn identify(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<(Caller, Option<ApiKey>)>, Unavailable> {
        if let Some(key) = request.header("x-api-key") {
            let key = self.stored_key(key, now).await?;
            return Ok(key.map(|key| (Caller::of_key(&key), Some(key))));
        }
        let Some(presented) = bearer_token(request).and_then(PresentedSession::parse) else {
            return Ok(None);
        };
        let stored = self.accounts.session(presented.account_id(), presented.id()).await?;
        Ok(stored.filter(|stored| presented.matches(stored, now)).map(|session| (session.into(), None)))
    }

    async fn stored_key(&self, key: &str, now: Timestamp) -> Result<Option<ApiKey>, Unavailable> {
        let Ok(presented) = PresentedKey::parse(key) else { return Ok(None) };
        let stored = self.accounts.key(presented.id()).await?;
        Ok(stored.filter(|stored| presented.matches(stored, now)))
    }

    /// Records that the key was used today. If that fails, the next request of the day tries again.
    async fn record_use(&self, key: Option<&ApiKey>, now: Timestamp) {
        let today = now.day();
        if let Some(key) = key.filter(|key| key.must_record_use(today)) {
            best_effort("record a key's use", self.accounts.record(&key.id, today)).await;
        }
    }
}

impl Caller {
    /// Refuses a portal session: only the application that holds the key may do this, not its user.
    pub fn require_key(&self) -> Result<(), Problem> {
        if self.expires_at.is_none() {
            return Ok(());
        }
        let detail = "This route takes an API key only, not a session: the application that shows the portal creates its \
                      links and ends its sessions.";
        Err(Problem::new(Code::Forbidden, detail))
    }

    fn of_key(key: &ApiKey) -> Self {
        Self {
            account_id: key.account_id.clone(),
            cursor_secret: key.cursor_secret,
            scopes: key.scopes.clone(),
            expires_at: None,
            is_suspended: key.is_suspended,
        }
    }
}

impl From<Session> for Caller {
    fn from(session: Session) -> Self {
        Self {
            account_id: session.account_id,
            cursor_secret: session.cursor_secret,
            scopes: session.role.scopes().to_vec(),
            expires_at: Some(session.expires_at),
            is_suspended: session.is_suspended,
        }
    }
}

/// The token in `Authorization: Bearer …`, whose scheme may be in any case.
fn bearer_token(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn unauthorized() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "Send a valid API key in the header X-API-Key, or a valid session token in Authorization: Bearer.",
    )
}

fn authorize(caller: Caller, scope: Scope) -> Result<Caller, Problem> {
    if caller.scopes.contains(&scope) {
        return Ok(caller);
    }
    let kind = if caller.expires_at.is_some() { "session" } else { "API key" };
    let detail = format!("This {kind} does not have the scope \"{}\" that this route needs.", scope.as_ref());
    Err(Problem::new(Code::Forbidden, detail))
}

#[cfg(test)]
mod tests;
