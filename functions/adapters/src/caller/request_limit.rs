//! Limits the rate of an account's requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::shared::ids::AccountId;
use domain::shared::rate::{RateCounter, RateKey, RateLimit, Window};
use domain::shared::timestamp::Timestamp;

use super::best_effort::best_effort;
use crate::http::problem::Problem;

/// A process reserves at most this fraction of the limit at a time, so that one write counts several requests; together,
/// processes exceed the limit by at most one block each.
const BLOCKS_PER_LIMIT: u64 = 100;

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
    /// Requests that are counted, but not yet served.
    reserved: u64,
    /// Whether the account has used half its limit, in this window or the one before it: from then on, requests are
    /// counted one by one. So what processes reserve in vain is at most half the limit.
    is_near: bool,
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

    /// Counts a request. While the counter is unavailable, every request passes.
    pub(super) async fn count(&self, account: &AccountId, now: Timestamp) -> Result<(), Problem> {
        let Some(limit) = self.limit else { return Ok(()) };
        let window = Window::at(now);
        let exceeded = match self.step(account, window, limit) {
            Step::Pass => false,
            Step::Refuse => true,
            Step::Count(block) => {
                let counting = self.rates.add(RateKey::Requests(account), window, block);
                let count = best_effort("count a request", counting).await;
                let count = count.unwrap_or_default();
                let exceeded = limit.is_exceeded_by((count + 1).saturating_sub(block));
                self.record(account, window, block, |uses| {
                    uses.exceeded |= exceeded;
                    uses.is_near |= count > limit.get() / 2;
                });
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
            let follows = uses.window.is_just_before(window);
            let before = if follows { uses.served } else { 0 };
            *uses = Uses { is_near: follows && uses.is_near, ..Uses::new(window, before) };
        }
        if uses.exceeded {
            return Step::Refuse;
        }
        uses.served += 1;
        if uses.reserved > 0 {
            uses.reserved -= 1;
            return Step::Pass;
        }
        let most = if uses.is_near { 1 } else { (limit.get() / BLOCKS_PER_LIMIT).max(1) };
        let block = (uses.served_before + uses.served).clamp(1, most);
        accounts.retain(|_, uses| uses.window == window || uses.window.is_just_before(window));
        Step::Count(block)
    }

    fn record(&self, account: &AccountId, window: Window, block: u64, change: impl FnOnce(&mut Uses)) {
        if let Some(uses) = self.uses().get_mut(account).filter(|uses| uses.window == window) {
            uses.reserved += block - 1;
            change(uses);
        }
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<AccountId, Uses>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uses {
    const fn new(window: Window, served_before: u64) -> Self {
        Self { window, served: 0, served_before, reserved: 0, is_near: false, exceeded: false }
    }
}
