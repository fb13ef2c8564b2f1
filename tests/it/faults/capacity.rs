//! What a table writes to one item in a second: on DynamoDB a thousand times, whatever the table's own capacity.

use std::collections::HashMap;

use local::clock::Clock;

/// A token bucket for each item, which holds the tokens of one second.
pub(super) struct Capacity {
    per_second: f64,
    /// The tokens that an item had, and when, in milliseconds.
    items: HashMap<String, (f64, u64)>,
    clock: Clock,
}

impl Capacity {
    pub(super) fn new(per_second: u32, clock: Clock) -> Self {
        Self { per_second: per_second.into(), items: HashMap::new(), clock }
    }

    /// Takes a token for each write, or refuses them all because one item has none left.
    pub(super) fn takes(&mut self, items: Vec<String>) -> bool {
        let now = self.clock.now_ms();
        items.into_iter().all(|item| self.takes_one(item, now))
    }

    fn takes_one(&mut self, item: String, now: u64) -> bool {
        let (tokens, at) = self.items.entry(item).or_insert((self.per_second, now));
        *tokens += (now - *at) as f64 / 1000.0 * self.per_second;
        *tokens = tokens.min(self.per_second);
        *at = now;
        let takes = *tokens >= 1.0;
        if takes {
            *tokens -= 1.0;
        }
        takes
    }
}
