//! The ledger of attempts, and why its counts are exact: the record of an attempt is its claim.
//!
//! A queue may deliver a message to two workers, and a worker may die at any step. So a worker writes an attempt's
//! record *before* the request, on the condition that no record of that number exists, and completes it afterwards. At
//! most as many such records can exist as the delivery's [`Retry`] allows, four or eleven; each request has its own; and
//! after a success there is nothing left to claim.

use std::future::Future;
use std::time::Duration;

use crate::delivery::history::{Attempted, Entry, Owner, Record};
use crate::delivery::outcome::{Outcome, OutcomeClass};
use crate::delivery::record::{Delivery, DeliveryStatus};
use crate::delivery::schedule;
use crate::delivery::state::DeliveryState;
use crate::destination::retry::Retry;
use crate::shared::ids::{AccountId, DeliveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// How long a lease outlives its owner's deadline. Each of the two clocks involved is a
/// [`SkewCorrectedClock`](crate::shared::skew_corrected_clock::SkewCorrectedClock), which may be off by a second and
/// the travel time of a response.
pub const LEASE_MARGIN: Duration = Duration::from_secs(3);

/// The intent to make one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The delivery.
    pub delivery: Delivery,
    /// How long the delivery is retried.
    pub retry: Retry,
    /// The attempt's number.
    pub number: u8,
    /// The worker that claims it.
    pub owner: Owner,
    /// The time of the claim.
    pub at: Timestamp,
    /// The owner's deadline plus [`LEASE_MARGIN`].
    pub lease_until: Timestamp,
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The caller may make the attempt.
    Granted,
    /// A record of that number already exists.
    Taken,
}

/// An attempt that has ended, ready to complete its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedAttempt {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt's number.
    pub number: u8,
    /// The owner of the claim.
    pub owner: Owner,
    /// When the attempt ended.
    pub at: Timestamp,
    /// The request and its outcome.
    pub attempted: Attempted,
    /// The delivery's status after this attempt.
    pub status: DeliveryStatus,
}

impl CompletedAttempt {
    /// Decides from the outcome whether and when another attempt follows.
    #[must_use]
    pub fn new(claim: Claim, outcome: Outcome, trimmed: &[&str], at: Timestamp) -> Self {
        let Claim { delivery, retry, number, owner, .. } = claim;
        let next_at = schedule::next_at(retry, number, &outcome, at);
        let status = match outcome.class {
            OutcomeClass::Success => DeliveryStatus::Delivered,
            _ if next_at.is_some() => DeliveryStatus::Retrying,
            _ => DeliveryStatus::Exhausted,
        };
        let trimmed = trimmed.iter().map(|&field| field.to_owned()).collect();
        Self {
            delivery,
            number,
            owner,
            at,
            attempted: Attempted { outcome, next_at, trimmed, signature: None },
            status,
        }
    }

    /// Returns the delivery's state after this attempt, for the lists.
    #[must_use]
    pub fn state(&self) -> DeliveryState {
        let Attempted { outcome, next_at, .. } = &self.attempted;
        DeliveryState {
            status: self.status,
            attempts: self.number,
            outcome: Some(outcome.class),
            http_status: outcome.http_status,
            error: outcome.error.clone(),
            next_at: *next_at,
            updated_at: self.at,
        }
    }

    /// Ends the attempt of a dead owner: its number is used, and its request may have arrived.
    #[must_use]
    pub fn unknown(
        delivery: Delivery,
        retry: Retry,
        number: u8,
        owner: Owner,
        claimed_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let error = "The sender stopped during this attempt; the request may or may not have arrived.";
        let outcome = Outcome::failed(OutcomeClass::Unknown, error, Duration::ZERO);
        let claim = Claim { delivery, retry, number, owner, at: claimed_at, lease_until: now };
        Self::new(claim, outcome, &[], now)
    }
}

/// A worker's next step for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The delivery has ended: acknowledge its message.
    Acknowledge,
    /// There is nothing to do yet.
    Wait {
        /// When the next step is due.
        until: Timestamp,
    },
    /// The owner of this attempt is dead: complete its record with the outcome `unknown`.
    CompleteAsUnknown {
        /// The attempt's number.
        number: u8,
        /// The dead owner.
        owner: Owner,
        /// When that owner claimed it.
        claimed_at: Timestamp,
    },
    /// The next attempt is free to claim.
    Claim {
        /// The attempt's number.
        number: u8,
    },
    /// The caller already holds the claim: the write was applied, but its response was lost.
    Send {
        /// The attempt's number.
        number: u8,
    },
}

/// Derives the next step from a delivery's records, which are in order.
#[must_use]
pub fn next_step(records: &[Record], me: Option<&Owner>, now: Timestamp) -> Step {
    let Some(last) = records.last() else {
        return Step::Claim { number: 1 };
    };
    let number = last.number;
    match &last.entry {
        Entry::Closed { .. } | Entry::Attempted(Attempted { next_at: None, .. }) => Step::Acknowledge,
        Entry::Attempted(Attempted { next_at: Some(until), .. }) if now < *until => {
            Step::Wait { until: *until }
        }
        Entry::Attempted(_) => Step::Claim { number: number + 1 },
        Entry::Inflight { owner, .. } if me == Some(owner) => Step::Send { number },
        Entry::Inflight { lease_until, .. } if now < *lease_until => Step::Wait { until: *lease_until },
        // Lambda kills a worker at its deadline, so an expired lease proves that the owner can no longer send.
        Entry::Inflight { owner, .. } => {
            Step::CompleteAsUnknown { number, owner: owner.clone(), claimed_at: last.at }
        }
    }
}

/// The records of attempts, which are also the claims on them.
pub trait Ledger: Send + Sync {
    /// Writes the records of several attempts in one call, each on the condition that no record of its number exists.
    /// Returns independent results in the order of the claims.
    fn claim(&self, claims: &[Claim]) -> impl Future<Output = Vec<Result<Claimed>>> + Send;

    /// Returns every record of a delivery, in order.
    fn records(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<Vec<Record>>> + Send;

    /// Completes an attempt's record if it is still in flight and has the same owner. Returns true also if the same
    /// completion was applied before, and false if nothing was changed.
    fn complete(&self, completed: &CompletedAttempt) -> impl Future<Output = Result<bool>> + Send;

    /// Deletes a claim for which no request was made, if it is still in flight and its owner's. Returns false if
    /// nothing was deleted.
    fn release(&self, claim: &Claim) -> impl Future<Output = Result<bool>> + Send;

    /// Writes the last record of a delivery that makes no (further) request, if no record of that number exists. A
    /// delivery whose first record this is may have outlived its event: its record is kept as long again.
    fn close(
        &self,
        delivery: &Delivery,
        number: u8,
        status: DeliveryStatus,
        reason: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<Claimed>> + Send;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray;

    use super::*;
    use crate::delivery::schedule::{RETRY_AFTER, max_attempts};
    use crate::testing::fakes::sample;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn record(number: u8, entry: Entry) -> Record {
        Record { number, at: NOW, entry }
    }

    fn failed(next_at: Option<Timestamp>) -> Entry {
        let outcome = Outcome::failed(OutcomeClass::HttpError, "500", Duration::ZERO);
        Entry::Attempted(Attempted { outcome, next_at, trimmed: vec![], signature: None })
    }

    fn inflight(owner: &str, lease_until: Timestamp) -> Entry {
        Entry::Inflight { owner: Owner::from(owner.to_owned()), lease_until }
    }

    #[test]
    fn an_owner_is_stored_as_a_text() {
        let owner = Owner::new("invocation", 3);
        assert_eq!(owner.as_str(), "invocation/3");
        assert_eq!(Owner::from(owner.as_str().to_owned()), owner);
    }

    #[test]
    fn the_last_record_decides() {
        let later = NOW + Duration::from_secs(3);
        let me = Owner::new("me", 0);
        let dead = Owner::new("dead", 0);
        let closed = Entry::Closed { status: DeliveryStatus::Skipped, reason: String::new() };
        for (entry, step) in [
            (failed(None), Step::Acknowledge),
            (closed, Step::Acknowledge),
            (failed(Some(later)), Step::Wait { until: later }),
            (failed(Some(NOW)), Step::Claim { number: 3 }),
            (inflight("me/0", later), Step::Send { number: 2 }),
            (inflight("other/0", later), Step::Wait { until: later }),
            (inflight("dead/0", NOW), Step::CompleteAsUnknown { number: 2, owner: dead, claimed_at: NOW }),
        ] {
            let records = [record(1, failed(Some(NOW))), record(2, entry)];
            assert_eq!(next_step(&records, Some(&me), NOW), step, "{records:?}");
        }
        assert_eq!(next_step(&[], Some(&me), NOW), Step::Claim { number: 1 });
    }

    fn completed(retry: Retry, number: u8, class: OutcomeClass) -> CompletedAttempt {
        let claim = Claim {
            delivery: sample::delivery(),
            retry,
            number,
            owner: Owner::new("me", 0),
            at: NOW,
            lease_until: NOW,
        };
        CompletedAttempt::new(claim, Outcome::failed(class, "", Duration::ZERO), &[], NOW)
    }

    #[test]
    fn an_outcome_decides_what_follows() {
        use DeliveryStatus::{Delivered, Exhausted, Retrying};
        for (number, class, status, next_at) in [
            (1, OutcomeClass::Success, Delivered, None),
            (4, OutcomeClass::Success, Delivered, None),
            (1, OutcomeClass::HttpError, Retrying, Some(NOW + RETRY_AFTER)),
            (3, OutcomeClass::Timeout, Retrying, Some(NOW + RETRY_AFTER)),
            (4, OutcomeClass::Timeout, Exhausted, None),
            (1, OutcomeClass::Blocked, Retrying, Some(NOW + RETRY_AFTER)),
            (1, OutcomeClass::UrlTooLong, Exhausted, None),
            (2, OutcomeClass::Unknown, Retrying, Some(NOW)),
            (4, OutcomeClass::Unknown, Exhausted, None),
        ] {
            let completed = completed(Retry::Standard, number, class);
            assert_eq!(
                (completed.status, completed.attempted.next_at),
                (status, next_at),
                "{number} {class:?}"
            );
        }
    }

    proptest! {
        /// For any outcomes, the steps make one to four or eleven attempts, numbered without a gap, and stop.
        #[test]
        fn following_the_steps_ends_within_the_limit(
            is_extended: bool,
            classes in prop::collection::vec(0usize..12, 11),
        ) {
            let retry = if is_extended { Retry::Extended } else { Retry::Standard };
            use OutcomeClass as C;
            let mut records: Vec<Record> = Vec::new();
            let mut now = NOW;
            loop {
                match next_step(&records, None, now) {
                    Step::Acknowledge => break,
                    Step::Wait { until } => now = until,
                    Step::Claim { number } => {
                        prop_assert_eq!(usize::from(number), records.len() + 1);
                        prop_assert!(number <= max_attempts(retry));
                        let class = C::VARIANTS[classes[records.len()]];
                        let entry = Entry::Attempted(completed(retry, number, class).attempted);
                        records.push(Record { number, at: now, entry });
                    }
                    step @ (Step::CompleteAsUnknown { .. } | Step::Send { .. }) => prop_assert!(false, "{step:?}"),
                }
            }
            let first_success = records.iter().position(|r| matches!(&r.entry, Entry::Attempted(a) if a.outcome.class == C::Success));
            prop_assert!(first_success.is_none_or(|at| at + 1 == records.len()), "an attempt follows a success");
        }
    }
}
