//! Who sends a request, by the API key in `X-API-Key`, and whether its account has not sent too many.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::StatusCode;
use domain::account::api_key::{ApiKey, PresentedKey, Scope};
use domain::account::store::{Accounts, KeyUses};
use domain::shared::clock::Clock;
use domain::shared::ids::AccountId;
use domain::shared::rate::RateCounter;
use domain::shared::rate::{RateKey, RateLimit, Window};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Unavailable;
use futures_util::future::join;

use crate::dynamodb::{AccountTable, RateTable};
use crate::http::problem::Problem;
use crate::http::request::Request;

/// How long a request waits for what is counted and noted of it: a write takes milliseconds, and these are of no use to
/// the request itself.
const NOTE_LIMIT: Duration = Duration::from_millis(500);

/// A caller whose key is good for what it asks.
pub struct Caller {
    /// Its account: the only one that anything it asks for is looked up in.
    pub account_id: AccountId,
    /// What its cursors are authenticated with.
    pub cursor_secret: [u8; 32],
    /// Whether it may see how destinations are set up: their URLs can hold a customer's tokens.
    pub manages: bool,
}

/// Lets callers in.
pub struct Callers<A = AccountTable, R = RateTable> {
    accounts: A,
    rates: R,
    limit: Option<RateLimit>,
    clock: Arc<dyn Clock>,
    /// Accounts that have used up a window: what they send in the rest of it is refused without being counted.
    exceeded: Mutex<(Window, Vec<AccountId>)>,
}

impl<A: Accounts + KeyUses, R: RateCounter> Callers<A, R> {
    /// Over accounts and counters. Without a limit, nothing is counted.
    pub fn new(accounts: A, rates: R, limit: Option<RateLimit>, clock: Arc<dyn Clock>) -> Self {
        let exceeded = Mutex::new((Window::at(Timestamp::default()), Vec::new()));
        Self { accounts, rates, limit, clock, exceeded }
    }

    /// Looks the caller's key up, counts the request, and notes the day on which the key was last used, whatever it was
    /// used for. Every way of not being a good key gets the same answer.
    pub async fn admit(&self, request: &Request, scope: Scope) -> Result<Caller, Problem> {
        let key = self.good_key(request).await?;
        let now = self.clock.now();
        let (within_limit, ()) = join(self.count(&key.account_id, now), self.note(&key, now)).await;
        within_limit?;
        may(key, scope)
    }

    async fn good_key(&self, request: &Request) -> Result<ApiKey, Problem> {
        self.known_key(request).await?.ok_or_else(|| {
            let detail = "Send a valid API key in the header X-API-Key.";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        })
    }

    async fn known_key(&self, request: &Request) -> Result<Option<ApiKey>, Unavailable> {
        let Some(Ok(presented)) = request.header("x-api-key").map(PresentedKey::parse) else {
            return Ok(None);
        };
        let kept = self.accounts.key(presented.id()).await?;
        Ok(kept.filter(|kept| presented.matches(kept)))
    }

    /// A limit that cannot be kept refuses nobody.
    async fn count(&self, account: &AccountId, now: Timestamp) -> Result<(), Problem> {
        let Some(limit) = self.limit else { return Ok(()) };
        let window = Window::at(now);
        if !self.has_exceeded(account, window) {
            let counting = self.rates.increment(RateKey::Requests(account), window);
            match best_effort("count a request", counting).await {
                Some(place) if limit.is_exceeded_by(place) => self.note_exceeded(account, window),
                Some(_) | None => return Ok(()),
            }
        }
        tracing::warn!(account_id = %account, "request.limited");
        let detail =
            format!("An account may send {limit} requests in ten seconds, and this one has sent more.");
        Err(Problem::rate_limited(detail, window.end().since(now)))
    }

    fn has_exceeded(&self, account: &AccountId, window: Window) -> bool {
        let exceeded = self.exceeded.lock().unwrap_or_else(PoisonError::into_inner);
        exceeded.0 == window && exceeded.1.contains(account)
    }

    fn note_exceeded(&self, account: &AccountId, window: Window) {
        let mut exceeded = self.exceeded.lock().unwrap_or_else(PoisonError::into_inner);
        if exceeded.0 != window {
            *exceeded = (window, Vec::new());
        }
        exceeded.1.push(account.clone());
    }

    /// The next request of the day tries again.
    async fn note(&self, key: &ApiKey, now: Timestamp) {
        let today = now.day();
        if key.must_record_use(today) {
            best_effort("note a key's use", self.accounts.record(&key.id, today)).await;
        }
    }
}

/// No request fails or waits long because of this.
async fn best_effort<T>(what: &'static str, work: impl Future<Output = Result<T, Unavailable>>) -> Option<T> {
    match tokio::time::timeout(NOTE_LIMIT, work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            crate::telemetry::log_unavailable(&error);
            None
        }
        Err(_) => {
            tracing::warn!(what, "best_effort.late");
            None
        }
    }
}

fn may(key: ApiKey, scope: Scope) -> Result<Caller, Problem> {
    if !key.scopes.contains(&scope) {
        let detail =
            format!("This API key does not have the scope \"{}\" that this route needs.", scope.as_ref());
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let manages = key.scopes.contains(&Scope::Manage);
    Ok(Caller { account_id: key.account_id, cursor_secret: key.cursor_secret, manages })
}

#[cfg(test)]
mod tests;
