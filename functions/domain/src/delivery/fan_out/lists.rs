//! The destinations of the accounts whose events leave together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use crate::delivery::ledger::LEASE_MARGIN;
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::catch_panic::catch_panic;
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

/// The lists that were read last.
#[derive(Default)]
pub(super) struct Lists(Mutex<HashMap<AccountId, Recent>>);

/// A list without unreadable destinations.
struct Recent {
    read_at: Timestamp,
    destinations: Arc<Vec<Destination>>,
}

impl Lists {
    /// The list of each account, read once for all its events, after they were accepted. One partition holds the
    /// destinations of an account, and a table answers so many reads of it: what was accepted a while ago, and waited or
    /// settled since, takes a list that is at most a second old.
    pub(super) async fn read(
        &self,
        destinations: &impl Destinations,
        events: impl Iterator<Item = &LifecycleEvent>,
        now: Timestamp,
    ) -> HashMap<AccountId, Result<List>> {
        let mut newest = HashMap::<_, Timestamp>::new();
        for event in events {
            let accepted = newest.entry(event.account_id.clone()).or_default();
            *accepted = event.accepted_at.max(*accepted);
        }
        let lists = newest.into_iter().map(async |(account, accepted_at)| {
            let list = match self.recent(&account, accepted_at, now) {
                Some(destinations) => Ok(List { destinations, unreadable: None }),
                None => catch_panic(self.read_one(destinations, &account, now)).await,
            };
            (account, list)
        });
        join_all(lists).await.into_iter().collect()
    }

    async fn read_one(
        &self,
        destinations: &impl Destinations,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<List> {
        let (mut readable, mut unreadable) = (Vec::new(), None);
        for destination in destinations.of_account(account).await? {
            match destination {
                Ok(destination) => readable.push(destination),
                Err(error) => unreadable = Some(error),
            }
        }
        let destinations = Arc::new(readable);
        if unreadable.is_none() {
            let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let destinations = Arc::clone(&destinations);
            lists.insert(account.clone(), Recent { read_at: now, destinations });
        }
        Ok(List { destinations, unreadable })
    }

    fn recent(
        &self,
        account: &AccountId,
        accepted_at: Timestamp,
        now: Timestamp,
    ) -> Option<Arc<Vec<Destination>>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|_, list| now.since(list.read_at) < RECENT);
        let list = lists.get(account)?;
        // Ingest's clock said when the event was accepted, and ours when the list was read.
        (accepted_at + LEASE_MARGIN < list.read_at).then(|| Arc::clone(&list.destinations))
    }
}
