//! Data keys that KMS has opened, kept for a while: a delivery must not cost a call to KMS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Result;
use tokio::sync::OnceCell;

use super::cipher::Key;

/// How long a key is kept. As long, whoever takes the right to use the KMS key away from us has to wait.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// Keys that are kept at the most: some 300 bytes each.
const MAX_KEYS: usize = 1_000;

/// A data key as it is stored, and what it was opened for: for anything else it has to be opened anew.
type Name = (Vec<u8>, Bytes);

struct Entry {
    since: Timestamp,
    /// Empty while the key is being opened, and after that failed.
    key: Arc<OnceCell<Key>>,
}

/// Keys that were opened, of this process.
pub(super) struct KeyRing {
    entries: Mutex<HashMap<Name, Entry>>,
    clock: Arc<dyn Clock>,
}

impl KeyRing {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::default(), clock }
    }

    /// The key of that name. Whoever asks for one while it is being opened waits for that; a failure is not kept.
    pub(super) async fn get(&self, name: Name, open: impl Future<Output = Result<Key>>) -> Result<Key> {
        let cell = self.cell(name);
        cell.get_or_try_init(|| open).await.cloned()
    }

    fn cell(&self, name: Name) -> Arc<OnceCell<Key>> {
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| now.since(entry.since) < KEPT);
        if let Some(entry) = entries.get(&name) {
            return Arc::clone(&entry.key);
        }
        if entries.len() >= MAX_KEYS {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.since).map(|(name, _)| name.clone());
            oldest.map(|name| entries.remove(&name));
        }
        let key = Arc::default();
        entries.insert(name, Entry { since: now, key: Arc::clone(&key) });
        key
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use domain::shared::unavailable::Unavailable;
    use domain::testing::fakes::ManualClock;
    use futures_util::future::join_all;
    use zeroize::Zeroizing;

    use super::*;

    /// Counts how often a key had to be opened.
    struct Ring {
        ring: KeyRing,
        opened: Cell<usize>,
    }

    impl Ring {
        fn new(clock: &ManualClock) -> Self {
            Self { ring: KeyRing::new(Arc::new(clock.clone())), opened: Cell::new(0) }
        }

        async fn get(&self, what_for: &str, data_key: usize) -> Result<Key> {
            let name = (what_for.as_bytes().to_vec(), Bytes::from(data_key.to_string()));
            let open = async {
                self.opened.set(self.opened.get() + 1);
                tokio::task::yield_now().await;
                Ok(Zeroizing::new([1; 32]))
            };
            self.ring.get(name, open).await
        }
    }

    #[tokio::test]
    async fn a_key_is_opened_once_in_five_minutes() {
        let clock = ManualClock::new(1_000_000);
        let ring = Ring::new(&clock);
        join_all((0..10).map(|_| ring.get("a", 1))).await;
        assert_eq!(ring.opened.get(), 1, "ten at the same time wait for the one");
        clock.advance(KEPT - Duration::from_millis(1));
        ring.get("a", 1).await.unwrap();
        assert_eq!(ring.opened.get(), 1);
        clock.advance(Duration::from_millis(1));
        ring.get("a", 1).await.unwrap();
        assert_eq!(ring.opened.get(), 2);
    }

    #[tokio::test]
    async fn a_key_that_was_opened_for_one_thing_is_not_open_for_another() {
        let ring = Ring::new(&ManualClock::new(0));
        ring.get("a", 1).await.unwrap();
        ring.get("b", 1).await.unwrap();
        assert_eq!(ring.opened.get(), 2);
    }

    #[tokio::test]
    async fn no_more_than_a_thousand_are_kept_and_the_oldest_goes() {
        let clock = ManualClock::new(0);
        let ring = Ring::new(&clock);
        for key in 0..=MAX_KEYS {
            ring.get("a", key).await.unwrap();
            clock.advance(Duration::from_millis(1));
        }
        assert_eq!(ring.ring.entries.lock().unwrap().len(), MAX_KEYS);
        ring.get("a", MAX_KEYS).await.unwrap();
        assert_eq!(ring.opened.get(), MAX_KEYS + 1, "the newest is there");
        ring.get("a", 0).await.unwrap();
        assert_eq!(ring.opened.get(), MAX_KEYS + 2, "the oldest is not");
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let ring = Ring::new(&ManualClock::new(0));
        let fails = async { Err(Unavailable::new("test", "no")) };
        assert!(ring.ring.get((b"a".to_vec(), Bytes::from("1")), fails).await.is_err());
        assert!(ring.get("a", 1).await.is_ok());
    }
}
