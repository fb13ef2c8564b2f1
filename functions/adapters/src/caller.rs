//! Who sent a request: the API key in `X-API-Key`.

use std::time::Duration;

use ::http::StatusCode;
use domain::api_key::{ApiKey, PresentedKey, Scope};
use domain::ids::AccountId;
use domain::ports::{Accounts, KeyUses};
use domain::timestamp::Day;

use crate::http::Request;
use crate::problem::Problem;

/// How long a request waits for its key's use to be noted: a write takes milliseconds, and this one is of no use to it.
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

/// Looks the caller's key up. Every way of not being a good key gets the same answer.
pub async fn authenticate(
    request: &Request,
    accounts: &impl Accounts,
    scope: Scope,
) -> Result<Caller, Problem> {
    may(good_key(request, accounts).await?, scope)
}

/// The same by a function that may write: it notes the day on which a key was last used, whatever it was used for.
pub async fn authenticate_and_note<A: Accounts + KeyUses>(
    request: &Request,
    accounts: &A,
    scope: Scope,
    today: Day,
) -> Result<Caller, Problem> {
    let key = good_key(request, accounts).await?;
    if key.is_news(today) {
        note(accounts, &key, today).await;
    }
    may(key, scope)
}

/// Best effort: no request fails or waits long because of it. The next one tries again.
async fn note(uses: &impl KeyUses, key: &ApiKey, today: Day) {
    match tokio::time::timeout(NOTE_LIMIT, uses.note(&key.id, today)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => crate::log_unavailable(&error),
        Err(_) => tracing::warn!(key_id = %key.id, "key_use.not_noted"),
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

async fn good_key(request: &Request, accounts: &impl Accounts) -> Result<ApiKey, Problem> {
    known_key(request, accounts).await?.ok_or_else(|| {
        let detail = "Send a valid API key in the header X-API-Key.";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    })
}

async fn known_key(request: &Request, accounts: &impl Accounts) -> Result<Option<ApiKey>, Problem> {
    let Some(Ok(presented)) = request.header("x-api-key").map(PresentedKey::parse) else { return Ok(None) };
    let kept = accounts.key(presented.id()).await?;
    Ok(kept.filter(|kept| presented.opens(kept)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use domain::api_key::{Account, KeyId};
    use domain::ports::{Result, Unavailable};
    use domain::timestamp::Timestamp;

    use super::*;

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

    impl OneKey {
        fn new(notes: Notes) -> Self {
            let key = PresentedKey::new([7; 32]);
            Self { key, last_used: AtomicU64::new(0), notes, noted: AtomicUsize::new(0) }
        }

        async fn call(&self, scope: Scope, day: u64) -> Option<StatusCode> {
            let mut event = ApiGatewayV2httpRequest::default();
            event.headers.insert("x-api-key", self.key.reveal().parse().unwrap());
            let request = Request::read(event).ok().unwrap();
            let caller = authenticate_and_note(&request, self, scope, Day::from_number(day)).await;
            caller.err().map(|problem| problem.status())
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
        let accounts = OneKey::new(Notes::Work);
        for (day, noted) in [(1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (1, 2)] {
            assert_eq!(accounts.call(Scope::Ingest, day).await, None);
            assert_eq!(accounts.noted.load(Ordering::SeqCst), noted, "day {day}");
        }
    }

    #[tokio::test]
    async fn a_use_that_has_no_scope_is_a_use() {
        let accounts = OneKey::new(Notes::Work);
        assert_eq!(accounts.call(Scope::Manage, 1).await, Some(StatusCode::FORBIDDEN));
        assert_eq!(accounts.noted.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_use_that_cannot_be_noted_fails_no_request_and_holds_none_up() {
        for notes in [Notes::Fail, Notes::Hang] {
            let started = std::time::Instant::now();
            assert_eq!(OneKey::new(notes).call(Scope::Ingest, 1).await, None);
            assert!(started.elapsed() < 4 * NOTE_LIMIT, "{:?}", started.elapsed());
        }
    }
}
