use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use domain::account::api_key::KeyId;
use domain::account::purge::Purge;
use domain::account::session::{Role, SessionId};
use domain::account::store::{Account, AccountState, AddedKey};
use domain::shared::timestamp::Day;
use domain::shared::unavailable::{Result, Saved};
use domain::testing::fakes::{ManualClock, MemoryRates};

use std::time::Duration;

use ::http::StatusCode;

use super::best_effort::BEST_EFFORT_TIMEOUT;
use super::*;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// What happens when a key's use is recorded.
enum Recording {
    Works,
    Fails,
    Hangs,
}

/// An account store with one key; counts how often the key's use was recorded.
struct OneKey {
    key: PresentedKey,
    last_used: AtomicU64,
    recording: Recording,
    recorded: AtomicUsize,
}

/// A check that accepts one key.
struct Gate {
    callers: Callers<OneKey, MemoryRates>,
    rates: MemoryRates,
    clock: ManualClock,
}

impl Gate {
    fn new(recording: Recording, limit: u64) -> Self {
        Self::with(recording, limit, MemoryRates::default(), ManualClock::new(DAY_MILLIS))
    }

    /// Another process, with the same counters and clock.
    fn beside(other: &Self, limit: u64) -> Self {
        Self::with(Recording::Works, limit, other.rates.clone(), other.clock.clone())
    }

    fn with(recording: Recording, limit: u64, rates: MemoryRates, clock: ManualClock) -> Self {
        let key = PresentedKey::new([7; 32]);
        let key = OneKey { key, last_used: AtomicU64::new(0), recording, recorded: AtomicUsize::new(0) };
        let limit = RateLimit::new(limit);
        let callers = Callers::new(key, rates.clone(), limit, Arc::new(clock.clone()));
        Self { callers, rates, clock }
    }

    async fn request(&self, scope: Scope) -> Option<Problem> {
        self.request_with("x-api-key", &self.callers.accounts.key.reveal(), scope).await
    }

    async fn request_with(&self, header: &'static str, value: &str, scope: Scope) -> Option<Problem> {
        let mut event = ApiGatewayV2httpRequest::default();
        event.headers.insert(header, value.parse().unwrap());
        self.callers.admit(&Request::read(event).ok().unwrap(), scope).await.err()
    }

    fn recorded(&self) -> usize {
        self.callers.accounts.recorded.load(Ordering::SeqCst)
    }
}

impl Accounts for OneKey {
    async fn create(&self, _: &Account) -> Result<()> {
        Ok(())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>> {
        Ok(None)
    }

    async fn list(&self, _: Option<&AccountId>, _: usize) -> Result<Vec<Account>> {
        Ok(Vec::new())
    }

    async fn set_state(&self, _: &Account, _: AccountState) -> Result<Saved> {
        Ok(Saved::Yes)
    }

    async fn begin_purge(&self, _: &Account) -> Result<Saved> {
        Ok(Saved::Yes)
    }

    async fn purge(&self, _: &AccountId) -> Result<Option<Purge>> {
        Ok(None)
    }

    async fn set_suspended(&self, _: &AccountId, _: bool) -> Result<()> {
        Ok(())
    }

    async fn add_key(&self, _: &ApiKey) -> Result<AddedKey> {
        Ok(AddedKey::Yes)
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
            expires_at: None,
            revoked_at: None,
            is_suspended: false,
        }))
    }

    async fn keys(&self, _: &AccountId) -> Result<Vec<ApiKey>> {
        Ok(Vec::new())
    }

    async fn revoke(&self, _: &AccountId, _: &KeyId, _: Timestamp) -> Result<Option<ApiKey>> {
        Ok(None)
    }
}

impl Sessions for OneKey {
    async fn begin(&self, _: &Session) -> Result<Saved> {
        Ok(Saved::Yes)
    }

    async fn end_all(&self, _: &AccountId) -> Result<()> {
        Ok(())
    }

    async fn session(&self, account: &AccountId, id: &SessionId) -> Result<Option<Session>> {
        let token = PresentedSession::new(account.clone(), id.clone(), [7; 24]);
        Ok(Some(token.begin(Role::Read, [0; 32], Timestamp::from_millis(DAY_MILLIS))))
    }
}

impl KeyUses for OneKey {
    async fn record(&self, _: &KeyId, day: Day) -> Result<()> {
        self.recorded.fetch_add(1, Ordering::SeqCst);
        match self.recording {
            Recording::Works => {
                self.last_used.store(day.number(), Ordering::SeqCst);
                Ok(())
            }
            Recording::Fails => Err(Unavailable::new("record a key's use", "fails in this test")),
            Recording::Hangs => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn a_session_reads_for_a_day_and_records_no_use() {
    let gate = Gate::new(Recording::Works, 2);
    let token = PresentedSession::new(AccountId::new([0; 12]), SessionId::new([1; 16]), [7; 24]).reveal();
    let other = PresentedSession::new(AccountId::new([0; 12]), SessionId::new([1; 16]), [8; 24]).reveal();
    let status = async |value: String, scope| {
        let problem = gate.request_with("authorization", &value, scope).await;
        problem.map_or(StatusCode::OK, |problem| problem.status())
    };
    assert_eq!(status(format!("Bearer {token}"), Scope::Read).await, StatusCode::OK);
    assert_eq!(status(format!("bearer  {token}"), Scope::Manage).await, StatusCode::FORBIDDEN);
    assert_eq!(status(format!("Bearer {token}"), Scope::Read).await, StatusCode::TOO_MANY_REQUESTS);
    for wrong in [token.clone(), format!("Basic {token}"), format!("Bearer {other}"), "Bearer".to_owned()] {
        assert_eq!(status(wrong, Scope::Read).await, StatusCode::UNAUTHORIZED);
    }
    gate.clock.advance(Duration::from_millis(DAY_MILLIS));
    assert_eq!(status(format!("Bearer {token}"), Scope::Read).await, StatusCode::UNAUTHORIZED);
    assert_eq!((gate.recorded(), gate.rates.counted()), (0, 3));
}

#[tokio::test]
async fn a_use_costs_one_write_a_day() {
    let gate = Gate::new(Recording::Works, 0);
    for recorded in [1, 1, 2, 2] {
        assert_eq!(gate.request(Scope::Ingest).await, None);
        assert_eq!(gate.recorded(), recorded);
        gate.clock.advance(Duration::from_millis(DAY_MILLIS / 2));
    }
}

#[tokio::test]
async fn a_use_that_has_no_scope_is_a_use() {
    let gate = Gate::new(Recording::Works, 0);
    assert_eq!(gate.request(Scope::Manage).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(gate.recorded(), 1);
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_fails_no_request_and_holds_none_up() {
    for recording in [Recording::Fails, Recording::Hangs] {
        let started = std::time::Instant::now();
        assert_eq!(Gate::new(recording, 0).request(Scope::Ingest).await, None);
        assert!(started.elapsed() < 4 * BEST_EFFORT_TIMEOUT, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_request_too_many_is_told_when_to_come_again() {
    let gate = Gate::new(Recording::Works, 2);
    gate.clock.advance(Duration::from_millis(6_500));
    for _ in 0..2 {
        assert_eq!(gate.request(Scope::Ingest).await, None);
    }
    for _ in 0..3 {
        let problem = gate.request(Scope::Ingest).await.unwrap();
        assert_eq!(problem.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(problem.reply().into_response().headers["retry-after"], "4");
    }
    assert_eq!(gate.rates.counted(), 3, "requests over the limit are not counted");
    gate.clock.advance(Duration::from_millis(3_500));
    assert_eq!(gate.request(Scope::Ingest).await, None, "a new window");
}

#[tokio::test]
async fn a_process_that_serves_many_requests_counts_many_at_a_time() {
    let gate = Gate::new(Recording::Works, 1_000);
    let writes = async || {
        let before = gate.rates.writes();
        for _ in 0..100 {
            assert_eq!(gate.request(Scope::Ingest).await, None);
        }
        gate.rates.writes() - before
    };
    assert_eq!(writes().await, 13, "1, 2, 4, 8, then ten at a time");
    gate.clock.advance(Duration::from_secs(10));
    assert_eq!(writes().await, 10);
    gate.clock.advance(Duration::from_secs(20));
    assert_eq!(gate.request(Scope::Ingest).await, None);
    assert_eq!(gate.rates.counted(), 105 + 100 + 1, "what is counted and not served is little");
}

#[tokio::test]
async fn all_processes_together_pass_the_limit_by_at_most_a_block_each() {
    let (limit, processes) = (1_000, 7);
    let first = Gate::new(Recording::Works, limit);
    let gates: Vec<_> = (0..processes).map(|_| Gate::beside(&first, limit)).collect();
    let mut passed = 0;
    for turn in 0..2 * limit {
        let gate = &gates[(turn % processes) as usize];
        passed += u64::from(gate.request(Scope::Ingest).await.is_none());
    }
    assert!((limit - 10 * processes..=limit + 10 * processes).contains(&passed), "{passed}");
}

/// A burst that meets a hundred processes which served seven requests each a moment ago.
#[tokio::test]
async fn what_processes_reserve_in_vain_refuses_nobody() {
    let limit = 1_000;
    let first = Gate::new(Recording::Works, limit);
    let gates: Vec<_> = (0..100).map(|_| Gate::beside(&first, limit)).collect();
    for gate in &gates {
        for _ in 0..7 {
            assert_eq!(gate.request(Scope::Ingest).await, None);
        }
    }
    first.clock.advance(Duration::from_secs(10));
    for gate in &gates {
        assert_eq!(gate.request(Scope::Ingest).await, None);
    }
    for _ in 0..300 {
        assert_eq!(Gate::beside(&first, limit).request(Scope::Ingest).await, None);
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_kept_refuses_nobody() {
    let gate = Gate::new(Recording::Works, 1);
    assert_eq!(gate.request(Scope::Ingest).await, None);
    gate.rates.fail_next();
    assert_eq!(gate.request(Scope::Ingest).await, None);
    assert!(gate.request(Scope::Ingest).await.is_some());
}
