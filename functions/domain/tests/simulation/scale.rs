//! How Lambda scales the concurrent invocations of a queue with messages: five at first, up to 300 more a minute.

use std::time::Duration;

use domain::shared::timestamp::Timestamp;

const FIRST: usize = 5;
const ONE_MORE: Duration = Duration::from_millis(200);

pub(crate) struct Scale {
    limit: usize,
    /// When the limit can grow next.
    pub(crate) grows_at: Timestamp,
}

impl Default for Scale {
    fn default() -> Self {
        Self { limit: FIRST, grows_at: Timestamp::from_millis(0) }
    }
}

impl Scale {
    /// Whether one more invocation may start. The limit grows while messages wait.
    pub(crate) fn allows(&mut self, running: usize, messages_wait: bool, now: Timestamp) -> bool {
        if running >= self.limit && messages_wait && now >= self.grows_at {
            self.limit += 1;
            self.grows_at = now + ONE_MORE;
        }
        running < self.limit
    }
}
