//! Who sends a request, by the API key in `X-API-Key`, and whether its account has not sent too many.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::StatusCode;
use domain::account::api_key::{ApiKey, PresentedKey, Scope};
use domain::account::store::{Accounts, KeyUses};
use domain::shared::clock::Clock;
use domain::shared::ids::AccountId;
use domain::shared::rate::RateCounter;
use domain::shared::rate::{Counted, RateLimit, Window};
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Unavailable;
use futures_util::future::join;

use crate::dynamodb::{AccountTable, RateTable};
use crate::http::Request;
use crate::problem::Problem;

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
        Ok(kept.filter(|kept| presented.opens(kept)))
    }

    /// A limit that cannot be kept refuses nobody.
    async fn count(&self, account: &AccountId, now: Timestamp) -> Result<(), Problem> {
        let Some(limit) = self.limit else { return Ok(()) };
        let window = Window::at(now);
        if !self.has_exceeded(account, window) {
            let counting = self.rates.count(Counted::Requests(account), window);
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
        if key.is_news(today) {
            best_effort("note a key's use", self.accounts.note(&key.id, today)).await;
        }
    }
}

/// No request fails or waits long because of this.
async fn best_effort<T>(what: &'static str, work: impl Future<Output = Result<T, Unavailable>>) -> Option<T> {
    match tokio::time::timeout(NOTE_LIMIT, work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            crate::log_unavailable(&error);
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
            format!("This API key does not have the scope \"{}\" that this route needs.", scope.as_str());
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let manages = key.scopes.contains(&Scope::Manage);
    Ok(Caller { account_id: key.account_id, cursor_secret: key.cursor_secret, manages })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use domain::account::api_key::KeyId;
    use domain::account::store::Account;
    use domain::shared::timestamp::Day;
    use domain::shared::unavailable::Result;
    use domain::testing::fakes::{ManualClock, MemoryRates};

    use super::*;

    const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

    /// How notes end.
    enum Notes {
        Work,
        Fail,
        Hang,
    }

    /// One key, and how often its use was noted.
    struct OneKey {
        key: PresentedKey,
        last_used: AtomicU64,
        notes: Notes,
        noted: AtomicUsize,
    }

    /// Someone who lets callers with one key in.
    struct Door {
        callers: Callers<OneKey, MemoryRates>,
        rates: MemoryRates,
        clock: ManualClock,
    }

    impl Door {
        fn new(notes: Notes, limit: u64) -> Self {
            let key = PresentedKey::new([7; 32]);
            let key = OneKey { key, last_used: AtomicU64::new(0), notes, noted: AtomicUsize::new(0) };
            let (rates, clock) = (MemoryRates::default(), ManualClock::new(DAY_MILLIS));
            let limit = RateLimit::new(limit);
            let callers = Callers::new(key, rates.clone(), limit, Arc::new(clock.clone()));
            Self { callers, rates, clock }
        }

        async fn knock(&self, scope: Scope) -> Option<Problem> {
            let mut event = ApiGatewayV2httpRequest::default();
            event.headers.insert("x-api-key", self.callers.accounts.key.reveal().parse().unwrap());
            self.callers.admit(&Request::read(event).ok().unwrap(), scope).await.err()
        }

        fn noted(&self) -> usize {
            self.callers.accounts.noted.load(Ordering::SeqCst)
        }
    }

    impl Accounts for OneKey {
        async fn create(&self, _: &Account) -> Result<()> {
            Ok(())
        }

        async fn cursor_secret(&self, _: &AccountId) -> Result<Option<[u8; 32]>> {
            Ok(None)
        }

        async fn add_key(&self, _: &ApiKey) -> Result<()> {
            Ok(())
        }

        async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>> {
            Ok((id == self.key.id()).then(|| ApiKey {
                id: id.clone(),
                account_id: AccountId::new([0; 12]),
                secret_hash: self.key.secret_hash(),
                cursor_secret: [0; 32],
                name: String::new(),
                scopes: vec![Scope::Ingest],
                created_at: Timestamp::from_millis(1),
                last_used: Some(Day::from_number(self.last_used.load(Ordering::SeqCst))),
                revoked_at: None,
            }))
        }

        async fn keys(&self, _: &AccountId) -> Result<Vec<ApiKey>> {
            Ok(Vec::new())
        }

        async fn revoke(&self, _: &AccountId, _: &KeyId, _: Timestamp) -> Result<Option<ApiKey>> {
            Ok(None)
        }
    }

    impl KeyUses for OneKey {
        async fn note(&self, _: &KeyId, day: Day) -> Result<()> {
            self.noted.fetch_add(1, Ordering::SeqCst);
            match self.notes {
                Notes::Work => {
                    self.last_used.store(day.number(), Ordering::SeqCst);
                    Ok(())
                }
                Notes::Fail => Err(Unavailable::new("note a key's use", "told to fail")),
                Notes::Hang => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn a_use_costs_one_write_a_day() {
        let door = Door::new(Notes::Work, 0);
        for noted in [1, 1, 2, 2] {
            assert_eq!(door.knock(Scope::Ingest).await, None);
            assert_eq!(door.noted(), noted);
            door.clock.advance(Duration::from_millis(DAY_MILLIS / 2));
        }
    }

    #[tokio::test]
    async fn a_use_that_has_no_scope_is_a_use() {
        let door = Door::new(Notes::Work, 0);
        assert_eq!(door.knock(Scope::Manage).await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(door.noted(), 1);
    }

    #[tokio::test]
    async fn a_use_that_cannot_be_noted_fails_no_request_and_holds_none_up() {
        for notes in [Notes::Fail, Notes::Hang] {
            let started = std::time::Instant::now();
            assert_eq!(Door::new(notes, 0).knock(Scope::Ingest).await, None);
            assert!(started.elapsed() < 4 * NOTE_LIMIT, "{:?}", started.elapsed());
        }
    }

    #[tokio::test]
    async fn a_request_too_many_is_told_when_to_come_again() {
        let door = Door::new(Notes::Work, 2);
        door.clock.advance(Duration::from_millis(6_500));
        for _ in 0..2 {
            assert_eq!(door.knock(Scope::Ingest).await, None);
        }
        for _ in 0..3 {
            let problem = door.knock(Scope::Ingest).await.unwrap();
            assert_eq!(problem.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(problem.reply().into_response().headers["retry-after"], "4");
        }
        assert_eq!(door.rates.counted(), 3, "what is refused anyway is not counted");
        door.clock.advance(Duration::from_millis(3_500));
        assert_eq!(door.knock(Scope::Ingest).await, None, "a new window");
    }

    #[tokio::test]
    async fn a_limit_that_cannot_be_kept_refuses_nobody() {
        let door = Door::new(Notes::Work, 1);
        assert_eq!(door.knock(Scope::Ingest).await, None);
        door.rates.fail_next();
        assert_eq!(door.knock(Scope::Ingest).await, None);
        assert!(door.knock(Scope::Ingest).await.is_some());
    }
}
