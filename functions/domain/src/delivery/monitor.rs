//! Watches the health of destinations: keeps what the ends of deliveries say, and tells of each change.
//!
//! The message of a notice is sent before the change is written, so that a crash between the two loses nothing. Fan-out
//! drops a message whose change is not there, and sees to it that its writer starts over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::delivery::history::{Attempted, Entry, Record};
use crate::delivery::outcome::OutcomeClass;
use crate::delivery::record::{Delivery, Trigger};
use crate::destination::health::{End, EndResult, Health};
use crate::destination::record::Destination;
use crate::destination::retry::Retry;
use crate::destination::store::{HealthStore, SavedHealth};
use crate::event::message::{NoticeMessage, NoticeQueue, Version};
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};
use crate::shared::wait::Wait;

/// Most tries to write a destination's health: a refused one means that another worker has written it.
const MAX_CONFLICTS: usize = 20;

/// Most destinations whose unwritten failures are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// A success this long after the health was read: another worker may have recorded the destination as failing by then.
const OUTDATED_AFTER: Duration = Duration::from_secs(1);

/// Keeps the health of destinations.
pub struct Monitor<H, Q> {
    store: H,
    notices: Q,
    disable_after: Option<Duration>,
    /// The failures that this process has seen and not written, and the beginning of the state in which it saw them.
    unwritten: Mutex<HashMap<(AccountId, DestinationId), (Timestamp, u32)>>,
}

/// What an ended delivery says about its destination; `None` if it says nothing: it is under way, or was closed without a
/// request, or is a test or a notice. A notice's deliveries never cause notices.
#[must_use]
pub fn end_of(delivery: &Delivery, retry: Retry, records: &[Record]) -> Option<End> {
    let last = records.last()?;
    let Entry::Attempted(attempted) = &last.entry else { return None };
    end(delivery, retry, attempted, last.at + attempted.outcome.duration)
}

/// The same of the attempt that ended at `at`.
pub(super) fn end(delivery: &Delivery, retry: Retry, attempted: &Attempted, at: Timestamp) -> Option<End> {
    let Attempted { outcome, next_at, .. } = attempted;
    if next_at.is_some() || delivery.trigger == Trigger::Test || delivery.event.is_notice() {
        return None;
    }
    let result = match (outcome.class, outcome.http_status) {
        (OutcomeClass::Success, _) => EndResult::Delivered,
        (_, Some(410)) if retry == Retry::Extended => EndResult::Gone,
        _ => EndResult::Failed,
    };
    Some(End { delivery: delivery.id.clone(), at, outcome: outcome.class.into(), result })
}

impl<H: HealthStore, Q: NoticeQueue> Monitor<H, Q> {
    /// Creates the step from its ports. With `disable_after`, it disables a destination of which nothing but failures came
    /// for so long.
    pub fn new(store: H, notices: Q, disable_after: Option<Duration>) -> Self {
        Self { store, notices, disable_after, unwritten: Mutex::default() }
    }

    /// Adds the ends of deliveries to a destination's health, which was read at `at`, and sends a notice of any change. The
    /// caller repeats what fails.
    pub async fn observe(
        &self,
        destination: &Destination,
        (read, at): (Option<&Health>, Timestamp),
        ends: &[End],
    ) -> Result<()> {
        let (account, id) = (&destination.account_id, &destination.id);
        let is_late = |end: &End| end.result == EndResult::Delivered && end.at.since(at) >= OUTDATED_AFTER;
        let mut is_outdated = ends.iter().any(is_late);
        let mut current = read.cloned();
        for _ in 0..MAX_CONFLICTS {
            let Some(before) = current else { return Ok(()) }; // deleted with its destination
            let health = before
                .with_failures(self.unwritten(destination, before.since))
                .after(ends, self.disable_after);
            let is_worth_writing = health.is_worth_writing(&before);
            if !is_worth_writing && std::mem::take(&mut is_outdated) {
                current = self.store.health(account, id).await?;
                continue;
            }
            if !is_worth_writing {
                self.remember(
                    destination,
                    before.since,
                    health.consecutive_failures.saturating_sub(before.consecutive_failures),
                );
                return Ok(());
            }
            for change in health.changes_since(&before) {
                let message = NoticeMessage {
                    v: Version,
                    account_id: account.clone(),
                    destination_id: id.clone(),
                    event: change.kind,
                    since: change.since,
                    wait: Wait::FOR_WRITE,
                };
                self.notices.send_notice(&message).await?;
            }
            match self.store.save_health(destination, &health).await? {
                SavedHealth::Yes => {
                    self.remember(destination, before.since, 0);
                    for change in health.changes_since(&before) {
                        tracing::info!(account_id = %account, destination_id = %id, event = change.kind.as_ref(),
                            failures = change.consecutive_failures, reason = health.reason, "health.changed");
                    }
                    return Ok(());
                }
                SavedHealth::Conflict => current = self.store.health(account, id).await?,
                // What failed was not the destination as it is now.
                SavedHealth::Changed => return Ok(()),
            }
        }
        Err(Unavailable::new("write a destination's health", "other writers kept changing it"))
    }

    fn unwritten(&self, of: &Destination, since: Timestamp) -> u32 {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let found = unwritten.get(&(of.account_id.clone(), of.id.clone()));
        found.filter(|(began, _)| *began == since).map_or(0, |(_, failures)| *failures)
    }

    fn remember(&self, of: &Destination, since: Timestamp, failures: u32) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        if failures == 0 {
            unwritten.remove(&(of.account_id.clone(), of.id.clone()));
        } else if unwritten.len() < MAX_REMEMBERED {
            unwritten.insert((of.account_id.clone(), of.id.clone()), (since, failures));
        }
    }
}

#[cfg(test)]
mod tests;
