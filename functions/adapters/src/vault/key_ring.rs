//! A cache of decrypted data keys, so that a delivery does not cost a call to KMS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Result;
use tokio::sync::OnceCell;

use super::cipher::Key;

/// How long a key is cached. Revoking our permission to use the KMS key takes effect after this time.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The maximum number of cached keys: some 300 bytes each.
const MAX_KEYS: usize = 1_000;

/// Identifies a data key by its associated data and its encrypted form: with other associated data it must be decrypted
/// anew.
type Id = (Vec<u8>, Bytes);

struct Entry {
    since: Timestamp,
    /// Empty while the key is being decrypted, and after a failure.
    key: Arc<OnceCell<Key>>,
}

/// The cache of a process.
pub(super) struct KeyRing {
    entries: Mutex<HashMap<Id, Entry>>,
    clock: Arc<dyn Clock>,
}

impl KeyRing {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::default(), clock }
    }

    /// The key with this id, decrypted if it is not cached. Concurrent callers wait for one decryption; a failure is
    /// not cached.
    pub(super) async fn get(&self, id: Id, decrypt: impl Future<Output = Result<Key>>) -> Result<Key> {
        let cell = self.cell(id);
        cell.get_or_try_init(|| decrypt).await.cloned()
    }

    fn cell(&self, id: Id) -> Arc<OnceCell<Key>> {
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| now.since(entry.since) < MAX_AGE);
        if let Some(entry) = entries.get(&id) {
            return Arc::clone(&entry.key);
        }
        if entries.len() >= MAX_KEYS {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.since).map(|(id, _)| id.clone());
            oldest.map(|id| entries.remove(&id));
        }
        let key = Arc::default();
        entries.insert(id, Entry { since: now, key: Arc::clone(&key) });
        key
    }
}

#[cfg(test)]
mod tests;
