//! Purges a deleted account: deletes its rows from all tables, page by page.
//!
//! Progress is saved after each page, so a crash repeats at most one. Work in progress at the deletion may still write rows,
//! so passes are repeated, far enough apart for every message to arrive, until one finds nothing.

use std::future::Future;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};

use crate::shared::clock::Clock;
use crate::shared::ids::AccountId;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved, Unavailable};

/// The time between two passes. A message waits for 15 minutes at most, and is received again within some more.
pub const BETWEEN_PASSES: Duration = Duration::from_secs(30 * 60);

/// How long a run keeps starting pages. A page takes about a second, and the function has ten.
const RUN: Duration = Duration::from_secs(5);

/// Purges that a run works on at once.
const CONCURRENCY: usize = 4;

/// The progress of a purge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// The account.
    pub account_id: AccountId,
    /// The rows that it has deleted so far.
    pub rows_deleted: u64,
    /// The pages that it has deleted so far.
    pub pages: u64,
    /// The rows that its present pass has deleted.
    in_pass: u64,
    /// Passes that have ended.
    passes: u32,
    /// The place of its next page.
    next: Place,
    /// When its next page may be deleted.
    not_before: Timestamp,
}

/// A place in the tables: the table's number, and the key of the last row before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The number of the table.
    pub table: usize,
    /// Partition and sort key of the row; `None` at the table's beginning.
    pub after: Option<(String, String)>,
}

/// A page that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its rows.
    pub rows: u64,
    /// Where the next page begins; `None` after the last table's last one.
    pub next: Option<Place>,
}

/// Stores purges, and deletes the rows of accounts.
pub trait Purges: Send + Sync {
    /// The purges that have not ended, without those that cannot be read.
    fn pending(&self) -> impl Future<Output = Result<Vec<Purge>>> + Send;

    /// Deletes the account's rows from the page that begins at a place.
    fn delete_page(&self, account: &AccountId, place: &Place)
    -> impl Future<Output = Result<Deleted>> + Send;

    /// Stores how far a purge is, if the stored one has a page less.
    fn save(&self, purge: &Purge) -> impl Future<Output = Result<Saved>> + Send;

    /// Ends a purge: the account is deleted. What is left of it is a row that says so.
    fn finish(&self, purge: &Purge) -> impl Future<Output = Result<Saved>> + Send;
}

impl Purge {
    /// A purge that begins.
    #[must_use]
    pub fn new(account_id: AccountId) -> Self {
        let (next, not_before) = (Place::default(), Timestamp::default());
        Self { account_id, rows_deleted: 0, pages: 0, in_pass: 0, passes: 0, next, not_before }
    }

    /// Notes a page; true if nothing is left to delete.
    fn note(&mut self, Deleted { rows, next }: Deleted, now: Timestamp) -> bool {
        self.rows_deleted += rows;
        self.in_pass += rows;
        self.pages += 1;
        if let Some(next) = next {
            self.next = next;
            return false;
        }
        // The first pass cannot know what is under way.
        let is_over = self.passes > 0 && self.in_pass == 0;
        self.passes += 1;
        self.in_pass = 0;
        self.next = Place::default();
        self.not_before = now + BETWEEN_PASSES;
        is_over
    }
}

/// Goes on with the purges for a few seconds. The next run goes on from there, also after a failure. One that fails is
/// logged; the others go on.
///
/// # Errors
/// The purges cannot be listed.
pub async fn run(purges: &impl Purges, clock: &dyn Clock) -> Result<()> {
    let began = clock.now();
    let mut pending = purges.pending().await?;
    pending.retain(|purge| purge.not_before <= began);
    // Starts with another one each minute, so that none waits forever.
    let first = usize::try_from(began.as_secs() / 60).unwrap_or_default() % pending.len().max(1);
    pending.rotate_left(first);
    let work = |mut purge: Purge| async move {
        if let Err(error) = go_on(&mut purge, purges, clock, began).await {
            let cause = format!("{}: {error}: {}", purge.account_id, error.causes());
            Unavailable::new("purge an account", cause).log();
        }
    };
    stream::iter(pending).for_each_concurrent(CONCURRENCY, work).await;
    Ok(())
}

/// Goes on with one purge, as long as the run that `began` then has time.
async fn go_on(purge: &mut Purge, purges: &impl Purges, clock: &dyn Clock, began: Timestamp) -> Result<()> {
    while purge.not_before <= clock.now() && clock.now().since(began) < RUN {
        let deleted = purges.delete_page(&purge.account_id, &purge.next).await?;
        if purge.note(deleted, clock.now()) {
            purges.finish(purge).await?;
            return Ok(());
        }
        // Another run has already saved this page.
        if purges.save(purge).await? != Saved::Yes {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use futures_util::FutureExt;

    use super::*;
    use crate::testing::fakes::{ManualClock, sample};

    /// Two tables of numbered rows, of which a page has three.
    struct Tables {
        rows: Mutex<[BTreeSet<u8>; 2]>,
        purge: Mutex<Option<Purge>>,
        calls: Mutex<u32>,
        /// The call after whose effect the process dies.
        dies_after: Option<u32>,
    }

    impl Tables {
        fn new(dies_after: Option<u32>) -> Self {
            Self {
                rows: Mutex::new([(0..7).collect(), (0..4).collect()]),
                purge: Mutex::new(Some(Purge::new(sample::account()))),
                calls: Mutex::new(0),
                dies_after,
            }
        }

        fn call<T>(&self, value: T) -> Result<T> {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            if self.dies_after == Some(*calls) { Err(Unavailable::new("call", "dies")) } else { Ok(value) }
        }

        fn left(&self) -> usize {
            self.rows.lock().unwrap().iter().map(BTreeSet::len).sum()
        }
    }

    impl Purges for Tables {
        async fn pending(&self) -> Result<Vec<Purge>> {
            self.call(self.purge.lock().unwrap().clone().into_iter().collect())
        }

        async fn delete_page(&self, _: &AccountId, Place { table, after }: &Place) -> Result<Deleted> {
            let mut rows = self.rows.lock().unwrap();
            let first = after.as_ref().map_or(0, |(_, row)| row.parse::<u8>().unwrap() + 1);
            let page: Vec<u8> = (first..first + 3).filter(|row| rows[*table].remove(row)).collect();
            let last = first + 2;
            let next = match (last < 9, table) {
                (true, _) => Some(Place { table: *table, after: Some((String::new(), last.to_string())) }),
                (false, 0) => Some(Place { table: 1, after: None }),
                (false, _) => None,
            };
            self.call(Deleted { rows: page.len() as u64, next })
        }

        async fn save(&self, purge: &Purge) -> Result<Saved> {
            let mut stored = self.purge.lock().unwrap();
            if stored.as_ref().is_none_or(|stored| stored.pages + 1 != purge.pages) {
                return Ok(Saved::Conflict);
            }
            *stored = Some(purge.clone());
            self.call(Saved::Yes)
        }

        async fn finish(&self, _: &Purge) -> Result<Saved> {
            *self.purge.lock().unwrap() = None;
            self.call(Saved::Yes)
        }
    }

    /// Runs until the purge has ended; returns how long that took.
    fn finished(tables: &Tables, clock: &ManualClock) -> Duration {
        let began = clock.now();
        while tables.purge.lock().unwrap().is_some() {
            let _ = run(tables, clock).now_or_never().unwrap(); // a failure is the next run's to mend
            clock.advance(Duration::from_secs(60));
            assert!(clock.now().since(began) < 10 * BETWEEN_PASSES, "it does not end");
        }
        clock.now().since(began)
    }

    #[test]
    fn a_run_that_dies_at_any_call_leaves_nothing_behind() {
        for dies_after in (1..=20).map(Some).chain([None]) {
            let (tables, clock) = (Tables::new(dies_after), ManualClock::new(1_000));
            finished(&tables, &clock);
            assert_eq!(tables.left(), 0, "{dies_after:?}");
        }
    }

    /// Purges that fail or hang, by the names of their accounts, beside others. Notes whose rows were deleted.
    struct Many {
        accounts: Vec<&'static str>,
        deleted: Mutex<Vec<AccountId>>,
    }

    impl Many {
        /// The accounts whose rows a run at this minute deletes.
        fn deleted_at(accounts: &[&'static str], minute: u64) -> BTreeSet<String> {
            let many = Self { accounts: accounts.to_vec(), deleted: Mutex::default() };
            let _ = run(&many, &ManualClock::new(minute * 60_000)).now_or_never(); // one that hangs never ends
            many.deleted.into_inner().unwrap().iter().map(ToString::to_string).collect()
        }
    }

    impl Purges for Many {
        async fn pending(&self) -> Result<Vec<Purge>> {
            Ok(self.accounts.iter().map(|id| Purge::new(AccountId::parse(*id).unwrap())).collect())
        }

        async fn delete_page(&self, account: &AccountId, _: &Place) -> Result<Deleted> {
            if account.as_str().contains("fails") {
                return Err(Unavailable::new("delete", "fails"));
            }
            if account.as_str().contains("hangs") {
                return std::future::pending().await;
            }
            self.deleted.lock().unwrap().push(account.clone());
            Ok(Deleted { rows: 1, next: None })
        }

        async fn save(&self, _: &Purge) -> Result<Saved> {
            Ok(Saved::Yes)
        }

        async fn finish(&self, _: &Purge) -> Result<Saved> {
            Ok(Saved::Yes)
        }
    }

    #[test]
    fn a_purge_that_fails_or_hangs_holds_up_no_other() {
        let accounts = ["acc_fails", "acc_hangs", "acc_1", "acc_2", "acc_3"];
        for minute in 0..5 {
            let deleted = Many::deleted_at(&accounts, minute);
            assert_eq!(deleted, ["acc_1", "acc_2", "acc_3"].map(str::to_owned).into(), "{minute}");
        }
        let hanging = ["acc_hangs1", "acc_hangs2", "acc_hangs3", "acc_hangs4", "acc_hangs5", "acc_1"];
        let all: BTreeSet<_> = (0..6).flat_map(|minute| Many::deleted_at(&hanging, minute)).collect();
        assert_eq!(all, ["acc_1".to_owned()].into(), "its turn comes");
    }

    #[test]
    fn what_is_written_behind_a_pass_is_found_by_a_later_one() {
        let (tables, clock) = (Tables::new(None), ManualClock::new(1_000));
        run(&tables, &clock).now_or_never().unwrap().unwrap();
        assert_eq!(tables.left(), 0);
        tables.rows.lock().unwrap()[0].insert(2);
        assert!(
            finished(&tables, &clock) > 2 * BETWEEN_PASSES,
            "a pass that found nothing, after one that did"
        );
        assert_eq!(tables.left(), 0);
    }
}
