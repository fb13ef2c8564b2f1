//! Recoveries go in steps, each told by a message.
//!
//! The first steps write the plan, page by page; the next ones queue it, oldest first and as fast as the caller allows,
//! and the last ones count what became of it. A step tells the next one before it is noted as taken, so a crash repeats it;
//! what it has found is stored, and the ids of the deliveries derive from that, so a repeat sends nothing twice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::delivery::deliver::Verdict;
use crate::delivery::fan_out::delivery;
use crate::delivery::message::{DeliveryMessage, DeliveryQueue, RecoveryMessage, RecoveryQueue};
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::delivery_log::position::Position;
use crate::delivery_log::search::DeliveryLog;
use crate::destination::record::Destination;
use crate::destination::store::Destinations;
use crate::redelivery::candidates::{
    CONCURRENCY, PAGE, destinations, find, is_recoverable, latest_at, of_event,
};
use crate::redelivery::recovery::{
    Include, Next, Page, Part, Planned, Progress, Recoveries, Recovery, State,
};
use crate::shared::catch_panic::catch_panic;
use crate::shared::clock::Clock;
use crate::shared::ids::AccountId;
use crate::shared::unavailable::Result;
use crate::shared::wait::Wait;

/// How long a step searches the log. It shares an invocation of 30 seconds with the events of its batch.
const SEARCH: Duration = Duration::from_secs(8);

/// The bounds of the wait between two rounds of counting: it doubles.
const FIRST_ROUND: Duration = Duration::from_secs(2);
const LATER_ROUNDS: Duration = Duration::from_secs(15 * 60);

/// Rounds of counting: they take a day. A delivery may wait longer than that for its turn.
const MAX_ROUNDS: u32 = 105;

/// Takes the steps of recoveries.
pub struct Recover<L, D, S, Q, V> {
    log: L,
    destinations: D,
    recoveries: S,
    deliveries: Q,
    steps: V,
    clock: Arc<dyn Clock>,
}

impl<L, D, S, Q, V> Recover<L, D, S, Q, V>
where
    L: DeliveryLog,
    D: Destinations,
    S: Recoveries,
    Q: DeliveryQueue,
    V: RecoveryQueue,
{
    /// Creates the use case from its ports.
    pub fn new(
        log: L,
        destinations: D,
        recoveries: S,
        deliveries: Q,
        steps: V,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { log, destinations, recoveries, deliveries, steps, clock }
    }

    /// Takes the step that a message asks for. If our own tables or queues fail, a delayed copy of the message tries again;
    /// if no copy can be sent, the message comes back after the queue's visibility timeout.
    pub async fn run(&self, message: &RecoveryMessage) -> Verdict {
        match catch_panic(self.step(message)).await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                tracing::error!(
                    account_id = %message.account_id,
                    recovery_id = %message.recovery_id,
                    error = %error,
                    cause = error.causes(),
                    "recovery.failed"
                );
                match self.steps.send_step(&message.after_failure()).await {
                    Ok(()) => Verdict::Done,
                    Err(_) => Verdict::Keep,
                }
            }
        }
    }

    async fn step(&self, message: &RecoveryMessage) -> Result<()> {
        let RecoveryMessage { account_id, recovery_id, step, .. } = message;
        let stored = self.recoveries.load(account_id, recovery_id).await?;
        // A message may come before the step that told it is noted as taken, or that step may have died: it is repeated.
        let Some(mut recovery) = stored.filter(|one| !one.is_over() && one.step <= *step) else {
            return Ok(()); // over, or taken by another message
        };
        let wait = match recovery.next.clone() {
            Next::Find { include, after } => {
                self.find(account_id, &mut recovery, (include, after)).await?;
                Duration::ZERO
            }
            Next::Send { part, sent } => self.send(account_id, &mut recovery, part, sent).await?,
            Next::Count { .. } => self.count_page(account_id, &mut recovery).await?,
        };
        recovery.step += 1;
        recovery.updated_at = self.clock.now();
        if !recovery.is_over() {
            let wait = Wait::NONE.for_turn(wait);
            self.steps.send_step(&RecoveryMessage { step: recovery.step, wait, ..message.clone() }).await?;
        }
        self.recoveries.save(account_id, &recovery).await?;
        let Progress { found, queued, delivered, failed } = recovery.progress;
        tracing::info!(
            account_id = %account_id,
            recovery_id = %recovery_id,
            step,
            found,
            queued,
            delivered,
            failed,
            "recovery.stepped"
        );
        Ok(())
    }

    /// Adds a page to the plan. After the last page, the plan is sent, or nothing more is done for a dry run.
    async fn find(
        &self,
        account: &AccountId,
        recovery: &mut Recovery,
        (mut include, mut after): (Include, Option<Position>),
    ) -> Result<()> {
        let began = self.clock.now();
        let destinations = destinations(&self.destinations, account).await?;
        // A dry run may ask what a disabled destination has missed.
        let wanted = |one: &&Destination| match &recovery.request.destination_id {
            Some(id) => one.id == *id,
            None => one.is_active(),
        };
        let destinations: Vec<_> = destinations.iter().filter(wanted).collect();
        let mut page = Page { planned: Vec::new(), next: None };
        loop {
            let what = (&recovery.request, include);
            let (planned, next) = find(&self.log, account, &destinations, what, after, began).await?;
            page.planned.extend(planned);
            let following =
                recovery.request.include.iter().skip_while(|one| **one != include).nth(1).copied();
            page.next = match (next, following) {
                (None, None) => None,
                (None, Some(include)) => Some(Next::Find { include, after: None }),
                (after, _) => Some(Next::Find { include, after }),
            };
            let Some(Next::Find { include: then, after: from }) = page.next.clone() else { break };
            if page.planned.len() >= PAGE || self.clock.now().since(began) >= SEARCH {
                break;
            }
            (include, after) = (then, from);
        }
        if !recovery.request.dry_run {
            page = self.recoveries.put_page(account, recovery, page).await?;
        }
        recovery.progress.found += page.planned.len();
        recovery.pages += 1;
        match page.next {
            Some(next) => recovery.next = next,
            None if recovery.request.dry_run || recovery.progress.found == 0 => recovery.state = State::Done,
            None => {
                recovery.state = State::Sending;
                recovery.next = Next::Send { part: recovery.part(recovery.pages - 1, 0), sent: None };
            }
        }
        Ok(())
    }

    /// Queues a part of the plan. Returns how long the next step waits.
    async fn send(
        &self,
        account: &AccountId,
        recovery: &mut Recovery,
        part: Part,
        sent: Option<Part>,
    ) -> Result<Duration> {
        let destinations = destinations(&self.destinations, account).await?;
        if let Some(sent) = sent {
            let counted = self.count(account, recovery, sent, &destinations).await?;
            recovery.progress.delivered += counted.delivered;
            recovery.progress.failed += counted.failed;
        }
        let (planned, len) = self.planned(account, recovery, part).await?;
        let count = planned.len();
        let messages = planned.into_iter().map(|one| self.message(account, one, &destinations));
        let messages: Vec<_> = stream::iter(messages).buffered(CONCURRENCY).try_collect().await?;
        let mut messages: Vec<_> = messages.into_iter().flatten().collect();
        let per_second = usize::from(recovery.request.per_second.max(1));
        for (index, message) in messages.iter_mut().enumerate() {
            message.wait = Wait::NONE.for_turn(Duration::from_secs((index / per_second) as u64));
        }
        self.deliveries.send(&messages).await?;
        for message in &messages {
            tracing::info!(
                account_id = %message.account_id,
                delivery_id = %message.delivery_id,
                destination_id = %message.destination_id,
                "delivery.resent"
            );
        }
        recovery.progress.queued += count;
        let after = part.from + count;
        let next = match part.page.checked_sub(1) {
            _ if after < len => Some(recovery.part(part.page, after)),
            before => before.map(|before| recovery.part(before, 0)),
        };
        recovery.next = match next {
            Some(next) => Next::Send { part: next, sent: Some(part) },
            None => {
                recovery.state = State::Waiting;
                Next::Count { page: recovery.pages - 1, rounds: 0, delivered: 0, failed: 0 }
            }
        };
        Ok(Duration::from_secs(messages.len().div_ceil(per_second) as u64))
    }

    /// The message of a delivery of the plan; `None` if it was sent before, the event was delivered or is under way
    /// meanwhile, or the event or the destination is gone.
    async fn message(
        &self,
        account: &AccountId,
        Planned { id, destination_id }: Planned,
        destinations: &[Destination],
    ) -> Result<Option<DeliveryMessage>> {
        let destination = destinations.iter().find(|one| one.id == destination_id && one.is_active());
        let (Some(event_id), Some(destination)) = (id.event_id(), destination) else { return Ok(None) };
        let all = of_event(&self.log, account, &event_id).await?;
        if all.iter().any(|one| one.delivery.id == id) {
            return Ok(None);
        }
        let delivery = match latest_at(&all, &destination_id) {
            Some(latest) if is_recoverable(latest, self.clock.now()) => Delivery {
                id,
                trigger: Trigger::Resend,
                created_at: self.clock.now(),
                ..latest.delivery.clone()
            },
            Some(_) => return Ok(None),
            None => match self.log.event(account, &event_id).await? {
                Some(event) => delivery(&event, destination),
                None => return Ok(None),
            },
        };
        Ok(Some(DeliveryMessage::new(delivery, destination.retry)))
    }

    /// Counts what became of a page. After a round in which all have ended, the recovery is done. Returns how long the
    /// next step waits.
    async fn count_page(&self, account: &AccountId, recovery: &mut Recovery) -> Result<Duration> {
        let Next::Count { page, rounds, delivered, failed } = recovery.next.clone() else {
            return Ok(Duration::ZERO);
        };
        let destinations = destinations(&self.destinations, account).await?;
        let whole = Part { page, from: 0, most: usize::MAX };
        let counted = self.count(account, recovery, whole, &destinations).await?;
        let (delivered, failed) = (delivered + counted.delivered, failed + counted.failed);
        if let Some(page) = page.checked_sub(1) {
            recovery.next = Next::Count { page, rounds, delivered, failed };
            return Ok(Duration::ZERO);
        }
        recovery.progress.delivered = delivered;
        recovery.progress.failed = failed;
        if delivered + failed >= recovery.progress.queued || rounds >= MAX_ROUNDS {
            recovery.state = State::Done;
        }
        let page = recovery.pages - 1;
        recovery.next = Next::Count { page, rounds: rounds + 1, delivered: 0, failed: 0 };
        Ok(FIRST_ROUND.saturating_mul(1 << rounds.min(16)).min(LATER_ROUNDS))
    }

    /// Counts the deliveries of a part that have ended.
    async fn count(
        &self,
        account: &AccountId,
        recovery: &Recovery,
        part: Part,
        destinations: &[Destination],
    ) -> Result<Progress> {
        let (planned, _) = self.planned(account, recovery, part).await?;
        let ends = planned.into_iter().map(|one| self.is_delivered(account, recovery, one, destinations));
        let ends: Vec<_> = stream::iter(ends).buffered(CONCURRENCY).try_collect().await?;
        let count = |end| ends.iter().filter(|one| **one == Some(end)).count();
        Ok(Progress { delivered: count(true), failed: count(false), ..Progress::default() })
    }

    /// Whether a delivery of the plan succeeded, or a later one did; `None` if that is not known yet.
    async fn is_delivered(
        &self,
        account: &AccountId,
        recovery: &Recovery,
        Planned { id, destination_id }: Planned,
        destinations: &[Destination],
    ) -> Result<Option<bool>> {
        let Some(event_id) = id.event_id() else { return Ok(Some(false)) };
        let all = of_event(&self.log, account, &event_id).await?;
        let latest = latest_at(&all, &destination_id);
        if latest.is_some_and(|one| one.state.status == DeliveryStatus::Delivered) {
            return Ok(Some(true));
        }
        // The one that failed before does not count.
        let is_new = |one: &Delivery| one.id == id || one.created_at > recovery.created_at;
        if let Some(latest) = latest.filter(|one| is_new(&one.delivery)) {
            return Ok(is_recoverable(latest, self.clock.now()).then_some(false));
        }
        // No attempt has begun. None will, if the destination or the event is gone.
        let is_there = destinations.iter().any(|one| one.id == destination_id && one.is_active())
            && self.log.event(account, &event_id).await?.is_some();
        Ok((!is_there).then_some(false))
    }

    /// A part of the plan, oldest first, and the length of its page.
    async fn planned(
        &self,
        account: &AccountId,
        recovery: &Recovery,
        part: Part,
    ) -> Result<(Vec<Planned>, usize)> {
        let page = self.recoveries.page(account, &recovery.id, part.page).await?;
        let len = page.len();
        Ok((page.into_iter().rev().skip(part.from).take(part.most).collect(), len))
    }
}

#[cfg(test)]
mod tests;
