//! What DynamoDB writes to one key in a second. <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>

use std::collections::HashMap;
use std::sync::Mutex;

use domain::shared::timestamp::Timestamp;

const WRITES_PER_SECOND: u32 = 1_000;

/// The writes to each key in the current second.
#[derive(Default)]
pub(crate) struct Capacity(Mutex<HashMap<String, (u64, u32)>>);

impl Capacity {
    /// Takes a write, or refuses it because the key's second is used up.
    pub(crate) fn takes(&self, key: String, now: Timestamp) -> bool {
        let mut keys = self.0.lock().unwrap();
        let (second, writes) = keys.entry(key).or_default();
        if *second != now.as_secs() {
            (*second, *writes) = (now.as_secs(), 0);
        }
        *writes += 1;
        *writes <= WRITES_PER_SECOND
    }
}
