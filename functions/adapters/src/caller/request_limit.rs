//! Limits the rate of an account's requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::shared::ids::AccountId;
use domain::shared::rate::{RateCounter, RateKey, RateLimit, Window};
use domain::shared::timestamp::Timestamp;

use super::best_effort::best_effort;
use crate::http::problem::Problem;

/// A process counts requests in blocks, at most this fraction of the limit: so one write counts several, and an account
/// gets at most its limit and one block for each process.
const BLOCKS: u64 = 100;

/// The limit, and this process's share of what accounts have used of it.
pub(super) struct RequestLimit<R> {
    rates: R,
    limit: Option<RateLimit>,
    uses: Mutex<HashMap<AccountId, Uses>>,
}

/// An account's requests to this process in a window.
struct Uses {
    window: Window,
    /// Requests in this window, and in the one before it.
    served: u64,
    served_before: u64,
    /// Requests that are counted already, but not yet served.
    counted_ahead: u64,
    /// Whether the account is over its limit: the rest of its requests are refused without being counted.
    exceeded: bool,
}

/// What to do about one request.
enum Step {
    /// It is counted already.
    Pass,
    /// It is over the limit.
    Refuse,
    /// Count so many, this one included.
    Count(u64),
}

impl<R: RateCounter> RequestLimit<R> {
    /// Without a limit, nothing is counted.
    pub(super) fn new(rates: R, limit: Option<RateLimit>) -> Self {
        Self { rates, limit, uses: Mutex::default() }
    }

    /// Counts a request. Fails open: while the counter is unavailable, none is refused.
    pub(super) async fn count(&self, account: &AccountId, now: Timestamp) -> Result<(), Problem> {
        let Some(limit) = self.limit else { return Ok(()) };
        let window = Window::at(now);
        let exceeded = match self.step(account, window, limit) {
            Step::Pass => false,
            Step::Refuse => true,
            Step::Count(block) => {
                let counting = self.rates.add(RateKey::Requests(account), window, block);
                let count = best_effort("count a request", counting).await;
                let exceeded = count.is_some_and(|count| limit.is_exceeded_by(count - block + 1));
                self.note(account, window, block, exceeded);
                exceeded
            }
        };
        if !exceeded {
            return Ok(());
        }
        tracing::warn!(account_id = %account, "request.limited");
        let detail =
            format!("An account may send {limit} requests in ten seconds, and this one has sent more.");
        Err(Problem::rate_limited(detail, window.end().since(now)))
    }

    /// A process that serves many requests counts many at a time; one that serves its first counts one, because what it
    /// counts and does not serve is lost to the account.
    fn step(&self, account: &AccountId, window: Window, limit: RateLimit) -> Step {
        let mut accounts = self.uses();
        let uses = accounts.entry(account.clone()).or_insert(Uses::new(window, 0));
        if uses.window != window {
            let before = if uses.window.is_just_before(window) { uses.served } else { 0 };
            *uses = Uses::new(window, before);
        }
        if uses.exceeded {
            return Step::Refuse;
        }
        uses.served += 1;
        if uses.counted_ahead > 0 {
            uses.counted_ahead -= 1;
            return Step::Pass;
        }
        let block = (uses.served_before + uses.served).clamp(1, (limit.get() / BLOCKS).max(1));
        accounts.retain(|_, uses| uses.window == window || uses.window.is_just_before(window));
        Step::Count(block)
    }

    fn note(&self, account: &AccountId, window: Window, block: u64, exceeded: bool) {
        if let Some(uses) = self.uses().get_mut(account).filter(|uses| uses.window == window) {
            uses.exceeded |= exceeded;
            uses.counted_ahead += block - 1;
        }
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<AccountId, Uses>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uses {
    const fn new(window: Window, served_before: u64) -> Self {
        Self { window, served: 0, served_before, counted_ahead: 0, exceeded: false }
    }
}
