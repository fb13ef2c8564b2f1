//! The destinations of the accounts whose events leave.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::delivery::ledger::LEASE_MARGIN;
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::shared::ids::AccountId;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// How long a list serves events that were accepted before it was read.
const RECENT: Duration = Duration::from_secs(1);

/// An account's destinations.
pub(super) struct List {
    /// Those that could be read.
    pub(super) destinations: Arc<Vec<Destination>>,
    /// Why another one could not.
    pub(super) unreadable: Option<Unavailable>,
}

/// The number of a batch: its messages were received before any with a higher number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Batch(u64);

/// The lists that were read last.
#[derive(Default)]
pub(super) struct Lists {
    batches: AtomicU64,
    accounts: Mutex<HashMap<AccountId, Arc<Slot>>>,
}

/// Locked while an account's list is read, so that the other events of a batch wait for it.
type Slot = futures_util::lock::Mutex<Option<Recent>>;

/// A list that was read whole.
struct Recent {
    batch: Batch,
    read_at: Timestamp,
    destinations: Arc<Vec<Destination>>,
}

impl Lists {
    /// The number of a batch that was just received.
    pub(super) fn batch(&self) -> Batch {
        Batch(self.batches.fetch_add(1, Ordering::Relaxed))
    }

    /// The destinations of an event's account, read after the event was accepted, and once for a batch. One partition
    /// holds the destinations of an account, and a table answers so many reads of it: what was accepted a while ago, and
    /// waited or settled since, takes a list that is at most a second old.
    pub(super) async fn read(
        &self,
        stored: &impl Destinations,
        account: &AccountId,
        accepted_at: Timestamp,
        (batch, now): (Batch, Timestamp),
    ) -> Result<List> {
        let slot = self.slot(account, now);
        let mut slot = slot.lock().await;
        if let Some(recent) = slot.as_ref().filter(|recent| recent.serves(accepted_at, batch, now)) {
            return Ok(List { destinations: Arc::clone(&recent.destinations), unreadable: None });
        }
        let (mut readable, mut unreadable) = (Vec::new(), None);
        for destination in stored.of_account(account).await? {
            match destination {
                Ok(destination) => readable.push(destination),
                Err(error) => unreadable = Some(error),
            }
        }
        let destinations = Arc::new(readable);
        if unreadable.is_none() {
            *slot = Some(Recent { batch, read_at: now, destinations: Arc::clone(&destinations) });
        }
        Ok(List { destinations, unreadable })
    }

    fn slot(&self, account: &AccountId, now: Timestamp) -> Arc<Slot> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, slot| {
            // One that is locked is in use.
            slot.try_lock().is_none_or(|recent| recent.as_ref().is_some_and(|recent| recent.is_fresh(now)))
        });
        Arc::clone(accounts.entry(account.clone()).or_default())
    }
}

impl Recent {
    fn serves(&self, accepted_at: Timestamp, batch: Batch, now: Timestamp) -> bool {
        // Ingest's clock said when the event was accepted, and ours when the list was read.
        let is_older = accepted_at + LEASE_MARGIN < self.read_at;
        self.batch >= batch || is_older && self.is_fresh(now)
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.read_at) < RECENT
    }
}
