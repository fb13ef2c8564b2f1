//! The current state of a delivery.

use std::time::Duration;

use crate::delivery::history::{Attempted, Entry, Record};
use crate::delivery::outcome::OutcomeClass;
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::shared::ids::DeliveryId;
use crate::shared::timestamp::Timestamp;

/// A delivery as the Delivery Logs list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The delivery.
    pub delivery: Delivery,
    /// Its current state.
    pub state: DeliveryState,
    /// The later delivery of the same event that the destination has accepted, if there is one.
    pub delivered_later_by: Option<DeliveryId>,
    /// The latency of each attempt that has one, in order.
    pub latencies: Vec<Duration>,
}

impl Summary {
    /// Derives it from a history.
    #[must_use]
    pub fn of(delivery: &Delivery, records: &[Record]) -> Option<Self> {
        let latencies = records.iter().filter_map(|record| match &record.entry {
            Entry::Attempted(attempted) => attempted.outcome.latency(),
            Entry::Inflight { .. } | Entry::Closed { .. } => None,
        });
        Some(Self {
            delivery: delivery.clone(),
            state: DeliveryState::of(records)?,
            delivered_later_by: None,
            latencies: latencies.collect(),
        })
    }

    /// Whether the delivery ended without success.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state.status.is_final() && self.state.status != DeliveryStatus::Delivered
    }

    /// Whether an event of the account has not arrived by it, nor by a later one. A test is no event of the account.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        self.has_failed() && self.delivered_later_by.is_none() && self.delivery.trigger != Trigger::Test
    }
}

/// The state of a delivery after its latest record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryState {
    /// The status.
    pub status: DeliveryStatus,
    /// The number of attempts so far.
    pub attempts: u8,
    /// How the latest attempt ended.
    pub outcome: Option<OutcomeClass>,
    /// The status code of the latest attempt.
    pub http_status: Option<u16>,
    /// The error of the latest attempt, or why the delivery was skipped or cancelled.
    pub error: Option<String>,
    /// When the next attempt is due.
    pub next_at: Option<Timestamp>,
    /// When the latest record was completed.
    pub updated_at: Timestamp,
}

impl DeliveryState {
    /// Derives the state from a history.
    #[must_use]
    pub fn of(records: &[Record]) -> Option<Self> {
        let last = records.last()?;
        let attempted = records.iter().rev().find_map(|record| match &record.entry {
            Entry::Attempted(attempted) => Some((record, attempted)),
            Entry::Inflight { .. } | Entry::Closed { .. } => None,
        });
        let requests = records.iter().filter(|record| !matches!(record.entry, Entry::Closed { .. })).count();
        let mut state = Self {
            status: DeliveryStatus::Pending,
            attempts: u8::try_from(requests).unwrap_or(u8::MAX),
            outcome: None,
            http_status: None,
            error: None,
            next_at: None,
            updated_at: last.at,
        };
        if let Some((record, Attempted { outcome, next_at, .. })) = attempted {
            state.status = status_after(outcome.class, *next_at);
            state.outcome = Some(outcome.class);
            state.http_status = outcome.http_status;
            state.error.clone_from(&outcome.error);
            state.next_at = *next_at;
            state.updated_at = state.updated_at.max(record.at + outcome.duration);
        }
        if let Entry::Closed { status, reason } = &last.entry {
            state.status = *status;
            state.error = Some(reason.clone());
            state.next_at = None;
        }
        Some(state)
    }
}

fn status_after(class: OutcomeClass, next_at: Option<Timestamp>) -> DeliveryStatus {
    match (class, next_at) {
        (OutcomeClass::Success, _) => DeliveryStatus::Delivered,
        (_, Some(_)) => DeliveryStatus::Retrying,
        (_, None) => DeliveryStatus::Exhausted,
    }
}
