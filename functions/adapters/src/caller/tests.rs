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
    async fn record(&self, _: &KeyId, day: Day) -> Result<()> {
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
