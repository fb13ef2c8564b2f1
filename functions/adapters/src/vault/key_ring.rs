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
mod tests;
