//! The health of a destination: what the ends of its deliveries say, and the changes that notices report.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::destination::record::Destination;
use crate::event::kind::EventKind;
use crate::shared::ids::DeliveryId;
use crate::shared::timestamp::Timestamp;

/// So many deliveries in a row that end without success make a destination failing.
pub const FAILURES_UNTIL_FAILING: usize = 5;

/// While its state stays, a destination's health is written at most so often.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// The changes that are kept until their notices have left. Each takes at least one delivery that ends, and most five.
const MAX_CHANGES: usize = 10;

/// How a destination fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Its deliveries succeed, or too few have failed to tell.
    #[default]
    Healthy,
    /// [`FAILURES_UNTIL_FAILING`] deliveries in a row ended without success, and none has succeeded since.
    Failing,
    /// Nothing is delivered.
    Disabled,
}

/// The health of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// The state.
    pub state: HealthState,
    /// When the state began.
    pub since: Timestamp,
    /// How many deliveries in a row have ended without success: exact up to [`FAILURES_UNTIL_FAILING`], then counted once a
    /// minute by each process.
    #[serde(default, rename = "failures")]
    pub consecutive_failures: u32,
    /// When the first of them ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing_from: Option<Timestamp>,
    /// The ids of the first of these deliveries, so that none is counted twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counted: Vec<DeliveryId>,
    /// When a delivery last succeeded, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// When a delivery last ended without success, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<Timestamp>,
    /// Why Ringback has disabled the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The latest changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Grows with each write.
    #[serde(default)]
    pub version: u64,
}

/// A change of a destination's state that a notice reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The notice's kind.
    pub kind: EventKind,
    /// When the new state began.
    pub since: Timestamp,
    /// How many deliveries in a row had ended without success.
    #[serde(rename = "failures")]
    pub consecutive_failures: u32,
    /// The outcome of the delivery that caused it.
    pub last_outcome: String,
}

/// The end of a delivery, as health counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When it ended.
    pub at: Timestamp,
    /// The outcome of its last attempt.
    pub outcome: &'static str,
    /// How it ended.
    pub result: EndResult,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndResult {
    /// With a success.
    Delivered,
    /// Without one.
    Failed,
    /// The destination said that it is gone for good.
    Gone,
}

impl Health {
    /// The health of a destination that was created, enabled, at this time.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { since: at, ..Self::default() }
    }

    /// The health of a new destination.
    #[must_use]
    pub fn of_new(destination: &Destination) -> Self {
        let at = destination.created_at;
        Self::new(at).switched(destination.is_active(), at)
    }

    /// The health after its owner enabled or disabled the destination. Changes whose notices may not have left are kept.
    #[must_use]
    pub fn switched(&self, is_enabled: bool, at: Timestamp) -> Self {
        let state = if is_enabled { HealthState::Healthy } else { HealthState::Disabled };
        Self {
            state,
            since: at,
            last_success_at: self.last_success_at,
            last_failure_at: self.last_failure_at,
            changes: self.changes.clone(),
            version: self.version,
            ..Self::default()
        }
    }

    /// The health as the write after this one stores it.
    #[must_use]
    pub fn next_version(self) -> Self {
        Self { version: self.version + 1, ..self }
    }

    /// The health with further failures of a run that has begun.
    #[must_use]
    pub fn with_failures(&self, more: u32) -> Self {
        let failures = self.consecutive_failures;
        let more = if failures > 0 { more } else { 0 };
        Self { consecutive_failures: failures.saturating_add(more), ..self.clone() }
    }

    /// The health after these ends. With `disable_after`, a destination of which nothing but failures came for so long is
    /// disabled.
    #[must_use]
    pub fn after(&self, ends: &[End], disable_after: Option<Duration>) -> Self {
        let mut ends: Vec<_> = ends.iter().collect();
        ends.sort_by_key(|end| end.at);
        let mut health = self.clone();
        for end in ends {
            match end.result {
                EndResult::Delivered => health.succeed(end),
                EndResult::Failed | EndResult::Gone => health.fail(end, disable_after),
            }
        }
        health
    }

    /// A success ends the run of failures, unless it came before them and is told late.
    fn succeed(&mut self, end: &End) {
        self.last_success_at = self.last_success_at.max(Some(end.at));
        if self.failing_from.is_some_and(|from| end.at < from) || self.state == HealthState::Disabled {
            return;
        }
        if self.state == HealthState::Failing {
            self.change(HealthState::Healthy, EventKind::DestinationRecovered, end);
        }
        (self.consecutive_failures, self.failing_from) = (0, None);
        self.counted.clear();
    }

    /// A failure that came before the last success and is told late, or that was counted, counts for nothing.
    fn fail(&mut self, end: &End, disable_after: Option<Duration>) {
        let is_late = self.last_success_at.is_some_and(|success| end.at <= success);
        if is_late || self.state == HealthState::Disabled || self.counted.contains(&end.delivery) {
            return;
        }
        self.last_failure_at = self.last_failure_at.max(Some(end.at));
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        let from = self.failing_from.map_or(end.at, |from| from.min(end.at));
        self.failing_from = Some(from);
        if self.counted.len() < FAILURES_UNTIL_FAILING {
            self.counted.push(end.delivery.clone());
        }
        if self.state == HealthState::Healthy && self.counted.len() == FAILURES_UNTIL_FAILING {
            self.change(HealthState::Failing, EventKind::DestinationFailing, end);
        }
        self.reason = match disable_after {
            _ if end.result == EndResult::Gone => Some("It answered 410 Gone.".to_owned()),
            Some(span) if self.state == HealthState::Failing && end.at.since(from) >= span => {
                Some(format!("Every delivery has failed for {} hours.", span.as_secs() / 3600))
            }
            _ => return,
        };
        self.change(HealthState::Disabled, EventKind::DestinationDisabled, end);
    }

    fn change(&mut self, state: HealthState, kind: EventKind, end: &End) {
        (self.state, self.since) = (state, end.at);
        let (consecutive_failures, last_outcome) = (self.consecutive_failures, end.outcome.to_owned());
        self.changes.push(Change { kind, since: end.at, consecutive_failures, last_outcome });
        if self.changes.len() > MAX_CHANGES {
            self.changes.remove(0);
        }
    }

    /// The changes that an earlier state did not have.
    pub fn changes_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a Change> {
        self.changes.iter().filter(|change| !earlier.changes.contains(change))
    }

    /// Whether to write what follows from an earlier state: a change at once, else at most once a minute.
    #[must_use]
    pub fn is_worth_writing(&self, earlier: &Self) -> bool {
        let moved = |now: Option<Timestamp>, before: Option<Timestamp>| match (now, before) {
            (Some(now), Some(before)) => now.since(before) >= WRITE_EVERY,
            (now, before) => now != before,
        };
        (self.state, &self.counted) != (earlier.state, &earlier.counted)
            || moved(self.last_success_at, earlier.last_success_at)
            || moved(self.last_failure_at, earlier.last_failure_at)
    }
}

#[cfg(test)]
mod tests;
