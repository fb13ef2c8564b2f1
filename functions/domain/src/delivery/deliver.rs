//! One batch of deliveries: claim, send, complete. This is what Ringback is for.
//!
//! [`Deliver::run`] claims the next attempt of each delivery, sends its request and completes its record. The records
//! in the [ledger](crate::delivery::ledger) decide each step; the queue decides nothing.

mod health;
mod item;
mod log;
mod wait;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;

use crate::delivery::circuit_breaker::CircuitBreaker;
use crate::delivery::context::{Context, Contexts};
use crate::delivery::deliver::item::{Content, Item, Sendable, Unsendable, parts};
use crate::delivery::history::{Owner, url_was_refused};
use crate::delivery::ledger::{Claim, Claimed, CompletedAttempt, LEASE_MARGIN, Ledger, Step, next_step};
use crate::delivery::message::DeliveryQueue;
use crate::delivery::monitor::{Monitor, end, end_of};
use crate::delivery::outcome::{Outcome, OutcomeClass};
use crate::delivery::received::{Received, Visibility};
use crate::delivery::record::{DeliveryStatus, Trigger};
use crate::delivery::request::{Attempt, WebhookSender, request};
use crate::delivery::schedule::RETRY_AFTER;
use crate::destination::store::HealthStore;
use crate::event::message::NoticeQueue;
use crate::shared::catch_panic::catch_panic;
use crate::shared::clock::Clock;
use crate::shared::encryption::Decryptor;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// The time limit of a whole attempt: name resolution, connection, TLS, headers and body.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

/// The time an invocation needs to start a batch: one attempt and the table calls around it.
pub const TIME_NEEDED: Duration = Duration::from_secs(ATTEMPT_LIMIT.as_secs() + 3);

/// The time an invocation needs to claim an attempt: the attempt and one try at completing its record.
pub const TIME_TO_CLAIM: Duration = Duration::from_secs(ATTEMPT_LIMIT.as_secs() + 2);

/// The time an invocation needs after a claim to send the request and complete its record.
const TIME_TO_SEND: Duration = Duration::from_secs(ATTEMPT_LIMIT.as_secs() + 1);

/// Most steps of one delivery in one invocation. All but the last follow another worker's write, so more steps than
/// possible records mean a fault.
const MAX_STEPS: usize = 8;

/// Delivers a batch of messages.
pub struct Deliver<L, C, D, S, Q, H, N> {
    ledger: L,
    contexts: C,
    decryptor: D,
    sender: S,
    queue: Q,
    monitor: Monitor<H, N>,
    circuit_breaker: Arc<CircuitBreaker>,
    clock: Arc<dyn Clock>,
}

/// The invocation that processes a batch.
pub struct Invocation {
    /// Its unique id.
    pub id: String,
    /// When Lambda kills it.
    pub deadline: Timestamp,
}

/// What the queue does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Delete it.
    Done,
    /// Keep it and deliver it again.
    Keep,
}

/// How far a delivery gets in this invocation.
enum Progress {
    /// The delivery has ended.
    Ended,
    /// The next step is due at this time.
    WaitUntil(Timestamp),
}

impl<L, C, D, S, Q, H, N> Deliver<L, C, D, S, Q, H, N>
where
    L: Ledger,
    C: Contexts,
    D: Decryptor,
    S: WebhookSender,
    Q: DeliveryQueue + Visibility,
    H: HealthStore,
    N: NoticeQueue,
{
    /// Creates the step from its ports, the monitor of health and the process's circuit breaker.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the step that a test replaces")]
    pub fn new(
        ledger: L,
        contexts: C,
        decryptor: D,
        sender: S,
        queue: Q,
        monitor: Monitor<H, N>,
        circuit_breaker: Arc<CircuitBreaker>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { ledger, contexts, decryptor, sender, queue, monitor, circuit_breaker, clock }
    }

    /// Returns one verdict for each message, in order. A failure of one item never affects the others.
    pub async fn run(&self, batch: &[Received], invocation: &Invocation) -> Vec<Verdict> {
        if batch.is_empty() {
            return Vec::new(); // nothing to deliver, and the tables reject an empty read
        }
        if invocation.deadline.since(self.clock.now()) < TIME_NEEDED {
            tracing::warn!(items = batch.len(), "batch.handed_back");
            join_all(batch.iter().map(|received| self.postpone(&received.receipt, Duration::ZERO))).await;
            return vec![Verdict::Keep; batch.len()];
        }
        let messages: Vec<_> = batch.iter().map(|received| &received.message).collect();
        let read_at = self.clock.now();
        let contexts = self.contexts.load(&messages).await;
        self.deliver_all(batch, &contexts, read_at, invocation).await
    }

    /// Prepares every item, claims all first attempts in one call, then delivers the items concurrently.
    async fn deliver_all(
        &self,
        batch: &[Received],
        contexts: &[Result<Context>],
        read_at: Timestamp,
        invocation: &Invocation,
    ) -> Vec<Verdict> {
        // Before the claims: a claim without a request blocks its delivery until the lease expires.
        let items = self.prepare(batch, contexts, invocation).await;
        let first_claims = self.claim_first_attempts(&items, invocation).await;
        let deliveries = items.iter().zip(first_claims).map(|(item, claimed)| self.deliver(item, claimed));
        let mut verdicts = join_all(deliveries).await;
        self.record_in_circuit_breaker(&items);
        self.observe_ends(&items, read_at, &mut verdicts).await;
        verdicts
    }

    async fn prepare<'a>(
        &self,
        batch: &'a [Received],
        contexts: &'a [Result<Context>],
        invocation: &Invocation,
    ) -> Vec<Item<'a>> {
        let contents = join_all(contexts.iter().map(|context| self.content(context))).await;
        let items = batch.iter().zip(contents).enumerate();
        let items = items.map(|(index, (received, content))| Item {
            received,
            delivery: received.message.delivery(),
            content,
            owner: Owner::new(&invocation.id, index),
            lease_until: invocation.deadline + LEASE_MARGIN,
            reaction: OnceLock::new(),
            end: OnceLock::new(),
        });
        items.collect()
    }

    /// Decrypts the destination's secrets, but only if there is something to send.
    async fn content<'a>(&self, context: &'a Result<Context>) -> Result<Content<'a>> {
        Ok(match parts(context.as_ref().map_err(Unavailable::repeat)?) {
            Ok((event, destination)) => {
                let secrets = catch_panic(destination.decrypt_secrets(&self.decryptor)).await?;
                let health = context.as_ref().ok().and_then(|context| context.health.as_ref());
                Content::Sendable(Sendable { event, destination, health, secrets })
            }
            Err(reason) => Content::Unsendable(reason),
        })
    }

    /// Claims attempt 1 of every item that is received for the first time, in one call and without a read. The receive
    /// count is only a hint; the claim's condition decides. Returns one result for each item, in order, and `None` for
    /// items that were not claimed.
    async fn claim_first_attempts(
        &self,
        items: &[Item<'_>],
        invocation: &Invocation,
    ) -> Vec<Option<Result<Claimed>>> {
        let now = self.clock.now();
        let mut results: Vec<_> = items.iter().map(|_| None).collect();
        if invocation.deadline.since(now) < TIME_TO_CLAIM {
            return results;
        }
        // One table call cannot write an item twice; a message's second copy goes by the first one's record.
        let mut seen = HashSet::new();
        let first: Vec<usize> = (0..items.len())
            .filter(|&index| {
                let Item { received, content, delivery, .. } = &items[index];
                matches!(content, Ok(Content::Sendable(_)))
                    && received.is_first_attempt()
                    && seen.insert(&delivery.id)
            })
            .collect();
        if first.is_empty() {
            return results;
        }
        let claims: Vec<_> = first.iter().map(|&index| items[index].claim(1, now)).collect();
        for (index, claimed) in first.into_iter().zip(self.ledger.claim(&claims).await) {
            results[index] = Some(claimed);
        }
        results
    }

    /// Delivers one item and sets when its message becomes visible again.
    async fn deliver(&self, item: &Item<'_>, first_claim: Option<Result<Claimed>>) -> Verdict {
        let content = match &item.content {
            Ok(content) => content,
            Err(error) => return self.fail(item.received, error).await,
        };
        match catch_panic(self.advance(item, content, first_claim)).await {
            Ok(Progress::Ended) => Verdict::Done,
            Ok(Progress::WaitUntil(until)) => self.wait(item.received, until).await,
            Err(error) => self.fail(item.received, &error).await,
        }
    }

    /// Makes attempt 1 if its claim was granted; otherwise the records say what to do.
    async fn advance(
        &self,
        item: &Item<'_>,
        content: &Content<'_>,
        first_claim: Option<Result<Claimed>>,
    ) -> Result<Progress> {
        match (first_claim.transpose()?, content) {
            (_, Content::Unsendable(reason @ Unsendable::Forgotten)) => {
                log::cancelled(&item.delivery, *reason);
                Ok(Progress::Ended)
            }
            (Some(Claimed::Granted), Content::Sendable(sendable)) => {
                self.attempt(item, sendable, 1, false).await
            }
            _ => self.follow_records(item, content).await,
        }
    }

    /// Reads the records and takes the step they call for, until an attempt is made or there is nothing to do now.
    async fn follow_records(&self, item: &Item<'_>, content: &Content<'_>) -> Result<Progress> {
        for _ in 0..MAX_STEPS {
            let records = self.ledger.records(&item.delivery.account_id, &item.delivery.id).await?;
            let now = self.clock.now();
            match (next_step(&records, Some(&item.owner), now), content) {
                (Step::Acknowledge, _) => {
                    // The worker that ended the delivery may have died before it wrote the destination's health.
                    item.note(end_of(&item.delivery, item.retry(), &records));
                    return Ok(Progress::Ended);
                }
                (Step::Wait { until }, _) => return Ok(Progress::WaitUntil(until)),
                (Step::CompleteAsUnknown { number, owner, claimed_at }, _) => {
                    let unknown = CompletedAttempt::unknown(
                        item.delivery.clone(),
                        item.retry(),
                        number,
                        owner,
                        claimed_at,
                        now,
                    );
                    if self.ledger.complete(&unknown).await? {
                        log::attempted(&unknown, None, None);
                    }
                }
                // Slow tables used up the time, and the deadline would cut an attempt short: leave it for later.
                (Step::Claim { .. }, Content::Sendable(_))
                    if item.lease_until.since(now) < TIME_TO_CLAIM + LEASE_MARGIN =>
                {
                    return Ok(Progress::WaitUntil(now));
                }
                (Step::Claim { number }, Content::Sendable(sendable)) => {
                    let claimed = self.ledger.claim(&[item.claim(number, now)]).await;
                    if claimed.into_iter().next().transpose()? == Some(Claimed::Granted) {
                        return self.attempt(item, sendable, number, url_was_refused(&records)).await;
                    }
                }
                (Step::Claim { number }, Content::Unsendable(reason)) => {
                    self.cancel(item, number, *reason, now).await?;
                }
                (Step::Send { number }, Content::Sendable(sendable)) => {
                    return self.attempt(item, sendable, number, url_was_refused(&records)).await;
                }
                (Step::Send { .. }, Content::Unsendable(_)) => {
                    return Ok(Progress::WaitUntil(item.lease_until));
                }
            }
        }
        Err(Unavailable::new("follow a delivery's records", "the records kept changing"))
    }

    /// Makes one attempt that this item has claimed: sends the request, then completes the record.
    async fn attempt(
        &self,
        item: &Item<'_>,
        sendable: &Sendable<'_>,
        number: u8,
        url_was_refused: bool,
    ) -> Result<Progress> {
        let claim = item.claim(number, self.clock.now());
        if item.lease_until.since(claim.at) < TIME_TO_SEND + LEASE_MARGIN {
            return self.release(&claim).await;
        }
        let (outcome, trimmed, signature) = self.send(item, sendable, &claim, url_was_refused).await;
        // No delay for a resend, which is made long after its event.
        let is_first = number == 1 && item.delivery.trigger == Trigger::Lifecycle;
        let delay = is_first.then(|| claim.at.since(sendable.event.left_at));
        let mut completed = CompletedAttempt::new(claim, outcome, trimmed, self.clock.now());
        completed.attempted.signature = signature;
        log::attempted(&completed, delay, item.receives_without_attempt(number));
        let progress = self.complete(&completed).await?;
        if matches!(progress, Progress::Ended) {
            item.note(end(&completed.delivery, item.retry(), &completed.attempted, completed.at));
        }
        Ok(progress)
    }

    /// Gives up a claim that took so long that the deadline would cut the attempt short. Uses no number: the next
    /// invocation has more time. If it fails, the claim becomes `unknown`, as after a crash.
    async fn release(&self, claim: &Claim) -> Result<Progress> {
        let released = self.ledger.release(claim).await?;
        tracing::warn!(delivery_id = %claim.delivery.id, attempt = claim.number, released, "claim.released");
        Ok(Progress::WaitUntil(claim.at))
    }

    /// Sends the attempt's request. Returns its outcome, the payload fields that were trimmed, and the signature.
    async fn send(
        &self,
        item: &Item<'_>,
        sendable: &Sendable<'_>,
        claim: &Claim,
        url_was_refused: bool,
    ) -> (Outcome, &'static [&'static str], Option<String>) {
        let Sendable { event, destination, secrets, .. } = sendable;
        let Claim { delivery, number, at, .. } = claim;
        let attempt = Attempt { delivery: &delivery.id, number: *number, at: *at, url_was_refused };
        match request(event, destination, secrets, attempt) {
            Ok(request) => {
                let (trimmed, signature) = (request.trimmed, request.signature().map(str::to_owned));
                let outcome = self.sender.send(request).await;
                let _ = item.reaction.set(outcome.reaction()); // an item makes one request
                (outcome, trimmed, signature)
            }
            Err(too_long) => {
                (Outcome::failed(OutcomeClass::UrlTooLong, too_long.to_string(), Duration::ZERO), &[], None)
            }
        }
    }

    /// Completes the attempt's record, which decides when the delivery continues.
    async fn complete(&self, completed: &CompletedAttempt) -> Result<Progress> {
        if !self.ledger.complete(completed).await? {
            // The lease expired during the request, and another worker recorded the attempt as `unknown`.
            tracing::warn!(
                delivery_id = %completed.delivery.id,
                attempt = completed.number,
                "attempt.lost"
            );
            return Ok(Progress::WaitUntil(self.clock.now() + RETRY_AFTER));
        }
        Ok(completed.attempted.next_at.map_or(Progress::Ended, Progress::WaitUntil))
    }

    /// Closes a delivery that has nothing to send any more.
    async fn cancel(&self, item: &Item<'_>, number: u8, why: Unsendable, now: Timestamp) -> Result<()> {
        let (delivery, status) = (&item.delivery, DeliveryStatus::Cancelled);
        if self.ledger.close(delivery, number, status, why.reason(), now).await? == Claimed::Granted {
            log::cancelled(delivery, why);
        }
        Ok(())
    }

    fn record_in_circuit_breaker(&self, items: &[Item<'_>]) {
        let reactions =
            items.iter().filter_map(|item| Some((&item.delivery.destination_id, *item.reaction.get()?)));
        self.circuit_breaker.record(&reactions.collect::<Vec<_>>(), self.clock.now());
    }
}

#[cfg(test)]
mod tests;
