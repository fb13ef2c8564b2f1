//! The ledger in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::clock::ManualClock;
use super::lock::lock;
use crate::delivery::history::{Entry, Record};
use crate::delivery::ledger::{Claim, Claimed, CompletedAttempt, Ledger};
use crate::delivery::record::{Delivery, DeliveryStatus};
use crate::shared::ids::{AccountId, DeliveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// How long events are kept.
pub const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The records of every account's deliveries.
#[derive(Clone, Default)]
pub struct MemoryLedger {
    records: Arc<Mutex<HashMap<DeliveryId, Vec<Record>>>>,
    is_unreadable: Arc<AtomicBool>,
    slow_claims: Arc<Mutex<Option<(ManualClock, Duration)>>>,
}

impl MemoryLedger {
    /// Returns a delivery's records.
    #[must_use]
    pub fn records_of(&self, delivery: &DeliveryId) -> Vec<Record> {
        lock(&self.records).get(delivery).cloned().unwrap_or_default()
    }

    /// Makes every later read fail; writes still succeed.
    pub fn fail_reads(&self) {
        self.is_unreadable.store(true, Ordering::Relaxed);
    }

    /// Makes the next claims take this long on a clock.
    pub fn slow_claims(&self, clock: &ManualClock, duration: Duration) {
        *lock(&self.slow_claims) = Some((clock.clone(), duration));
    }

    /// Removes one record of a delivery.
    pub fn forget(&self, delivery: &DeliveryId, number: u8) {
        if let Some(records) = lock(&self.records).get_mut(delivery) {
            records.retain(|record| record.number != number);
        }
    }

    fn insert(&self, delivery: &DeliveryId, record: Record) -> Claimed {
        let mut records = lock(&self.records);
        let records = records.entry(delivery.clone()).or_default();
        if records.iter().any(|written| written.number == record.number) {
            return Claimed::Taken;
        }
        records.push(record);
        Claimed::Granted
    }
}

impl Ledger for MemoryLedger {
    async fn claim(&self, claims: &[Claim]) -> Vec<Result<Claimed>> {
        if let Some((clock, duration)) = lock(&self.slow_claims).take() {
            clock.advance(duration);
        }
        let insert = |claim: &Claim| {
            let Claim { number, owner, lease_until, at, .. } = claim.clone();
            Ok(self.insert(
                &claim.delivery.id,
                Record { number, at, entry: Entry::Inflight { owner, lease_until } },
            ))
        };
        claims.iter().map(insert).collect()
    }

    async fn records(&self, _account: &AccountId, delivery: &DeliveryId) -> Result<Vec<Record>> {
        if self.is_unreadable.load(Ordering::Relaxed) {
            return Err(Unavailable::new("read records", "simulated failure"));
        }
        Ok(self.records_of(delivery))
    }

    async fn complete(&self, completed: &CompletedAttempt) -> Result<bool> {
        let mut records = lock(&self.records);
        let records = records.entry(completed.delivery.id.clone()).or_default();
        let Some(record) = records.iter_mut().find(|record| record.number == completed.number) else {
            return Ok(false);
        };
        let entry = Entry::Attempted(completed.attempted.clone());
        let is_ours = matches!(&record.entry, Entry::Inflight { owner, .. } if *owner == completed.owner);
        if is_ours {
            record.entry = entry.clone();
        }
        // The record equals the completion if it was applied before and its response was lost.
        Ok(record.entry == entry)
    }

    async fn release(&self, claim: &Claim) -> Result<bool> {
        let mut records = lock(&self.records);
        let records = records.entry(claim.delivery.id.clone()).or_default();
        let before = records.len();
        records.retain(|record| {
            record.number != claim.number
                || !matches!(&record.entry, Entry::Inflight { owner, .. } if *owner == claim.owner)
        });
        Ok(records.len() < before)
    }

    async fn close(
        &self,
        delivery: &Delivery,
        number: u8,
        status: DeliveryStatus,
        reason: &str,
        at: Timestamp,
    ) -> Result<Claimed> {
        let entry = Entry::Closed { status, reason: reason.to_owned() };
        Ok(self.insert(&delivery.id, Record { number, at, entry }))
    }
}
