//! One batch of deliveries: claim, send, complete. This is what Ringback is for.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;

use crate::delivery::circuit_breaker::Breaker;
use crate::delivery::context::{Context, Contexts};
use crate::delivery::history::{Owner, Record};
use crate::delivery::ledger::{Claim, Claimed, Closing, LEASE_MARGIN, Ledger, RETRY_AFTER, Step, next_step};
use crate::delivery::outcome::{Outcome, OutcomeClass};
use crate::delivery::received::Received;
use crate::delivery::received::{Receipt, Visibility};
use crate::delivery::record::{Delivery, DeliveryStatus, Trigger};
use crate::delivery::request as wire;
use crate::delivery::request::WebhookSender;
use crate::destination::record::Destination;
use crate::destination::secrets::Open;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::catch_panic::isolate;
use crate::shared::clock::Clock;
use crate::shared::encryption::Opener;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// One limit over a whole attempt: name resolution, connection, TLS, headers and body.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

/// What an invocation must have left to start its batch: an attempt, and the table calls around it.
pub const TIME_NEEDED: Duration = Duration::from_secs(ATTEMPT_LIMIT.as_secs() + 3);

/// What an invocation must have left to claim an attempt: the attempt, and a try of completing its record.
const TIME_TO_CLAIM: Duration = Duration::from_secs(ATTEMPT_LIMIT.as_secs() + 2);

/// Steps that one delivery may take in one invocation. Each one but the last follows from someone else's write, so
/// more of them than records can exist means that something is wrong.
const MAX_STEPS: usize = 8;

/// Delivers.
pub struct Deliver<L, C, O, S, V> {
    ledger: L,
    contexts: C,
    opener: O,
    sender: S,
    visibility: V,
    breaker: Arc<Breaker>,
    clock: Arc<dyn Clock>,
}

/// The invocation that a batch came with.
pub struct Invocation {
    /// Its id; no other has it.
    pub id: String,
    /// When it is killed.
    pub deadline: Timestamp,
}

/// Whether a message is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It can be deleted.
    Done,
    /// It must be handed out again.
    Again,
}

/// What to send and where to, or why there is no sending it.
type Sendable<'a> = Result<(&'a LifecycleEvent, Destination<Open>), Unsendable>;

/// One delivery of the batch.
struct Item<'a> {
    received: &'a Received,
    delivery: Delivery,
    sendable: Sendable<'a>,
    /// A first receive claims without a read. Receives are no proof; the claim's own condition decides.
    claims_at_once: bool,
    owner: Owner,
    lease_until: Timestamp,
    /// How its request ended, if one was made.
    outcome: OnceLock<OutcomeClass>,
}

/// Why there is no sending a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsendable {
    /// Its time is over, or its conversation was deleted.
    NoEvent,
    NoDestination,
    Disabled,
}

impl Unsendable {
    /// As a sentence for the customer.
    const fn reason(self) -> &'static str {
        match self {
            Self::NoEvent => "The event is no longer kept.",
            Self::NoDestination => "The destination was deleted.",
            Self::Disabled => "The destination was disabled.",
        }
    }
}

impl Item<'_> {
    /// Of a conversation that was deleted nothing is kept, and nothing is to be written again. A history without its
    /// first record is one that was deleted while somebody added to it.
    fn is_forgotten(&self, records: &[Record]) -> bool {
        matches!(self.sendable, Err(Unsendable::NoEvent))
            && records.first().is_none_or(|first| first.number != 1)
    }

    fn claim(&self, number: u8, now: Timestamp) -> Claim {
        let (delivery, owner) = (self.delivery.clone(), self.owner.clone());
        Claim { delivery, number, owner, at: now, lease_until: self.lease_until }
    }

    /// Receives that made no attempt, by throttled or dying invocations. A letter that the reconciler returned starts
    /// to count anew.
    fn burned_receives(&self, number: u8) -> Option<u32> {
        self.received.receive_count.map(|count| count.saturating_sub(number.into()))
    }
}

/// What a delivery's turn in this invocation came to.
enum Turn {
    /// It has ended.
    Ended,
    /// There is nothing to do before then.
    NotBefore(Timestamp),
}

impl<L: Ledger, C: Contexts, O: Opener, S: WebhookSender, V: Visibility> Deliver<L, C, O, S, V> {
    /// Over the ledger, the store of events and destinations, what opens their secrets, the sender, the queue and what
    /// is to know of destinations that hang.
    pub fn new(
        ledger: L,
        contexts: C,
        opener: O,
        sender: S,
        visibility: V,
        breaker: Arc<Breaker>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { ledger, contexts, opener, sender, visibility, breaker, clock }
    }

    /// One verdict for each message, in order. None can take another down.
    pub async fn run(&self, batch: &[Received], invocation: &Invocation) -> Vec<Verdict> {
        if batch.is_empty() {
            return Vec::new(); // none of its messages is ours, and the tables refuse an empty read
        }
        if invocation.deadline.since(self.clock.now()) < TIME_NEEDED {
            tracing::warn!(items = batch.len(), "batch.handed_back");
            join_all(batch.iter().map(|received| self.postpone(&received.receipt, Duration::ZERO))).await;
            return vec![Verdict::Again; batch.len()];
        }
        let messages: Vec<_> = batch.iter().map(|received| &received.message).collect();
        match self.contexts.load(&messages).await {
            Ok(contexts) => self.deliver_all(batch, &contexts, invocation).await,
            Err(error) => join_all(batch.iter().map(|received| self.failed(received, &error))).await,
        }
    }

    /// Opens the destination's secrets, but only if there is something to send with them.
    async fn sendable<'a>(&self, context: &'a Context) -> Result<Sendable<'a>> {
        Ok(match closed(context) {
            Ok((event, destination)) => Ok((event, destination.clone().open(&self.opener).await?)),
            Err(reason) => Err(reason),
        })
    }

    async fn deliver_all(
        &self,
        batch: &[Received],
        contexts: &[Context],
        invocation: &Invocation,
    ) -> Vec<Verdict> {
        // Before the claims, because a claim without a request has to be waited for.
        let sendables = join_all(contexts.iter().map(|context| isolate(self.sendable(context)))).await;
        let has_time = invocation.deadline.since(self.clock.now()) >= TIME_TO_CLAIM;
        // A table call refuses two writes of one item; the second copy of a message follows the first one's record.
        let mut seen = HashSet::new();
        let items: Vec<Result<Item<'_>>> = batch
            .iter()
            .zip(sendables)
            .enumerate()
            .map(|(index, (received, sendable))| {
                let sendable = sendable?;
                let claims_at_once = sendable.is_ok()
                    && has_time
                    && received.is_first()
                    && seen.insert(&received.message.delivery_id);
                let delivery = received.message.delivery();
                let owner = Owner::new(&invocation.id, index);
                let lease_until = invocation.deadline + LEASE_MARGIN;
                let outcome = OnceLock::new();
                Ok(Item { received, delivery, sendable, claims_at_once, owner, lease_until, outcome })
            })
            .collect();
        let mut first_claims = self.claim_first_receives(&items).await.into_iter();
        let turns = batch.iter().zip(&items).map(|(received, item)| {
            let claims_at_once = item.as_ref().is_ok_and(|item| item.claims_at_once);
            let claimed = if claims_at_once { first_claims.next() } else { None };
            async move {
                let item = match item {
                    Ok(item) => item,
                    Err(error) => return self.failed(received, error).await,
                };
                match isolate(self.turn(item, claimed)).await {
                    Ok(Turn::Ended) => Verdict::Done,
                    Ok(Turn::NotBefore(until)) => {
                        self.postpone(&received.receipt, until.since(self.clock.now())).await;
                        Verdict::Again
                    }
                    Err(error) => self.failed(received, &error).await,
                }
            }
        });
        let verdicts = join_all(turns).await;
        let ended = items.iter().flatten();
        let ended = ended.filter_map(|item| Some((&item.delivery.destination_id, *item.outcome.get()?)));
        let ended: Vec<_> = ended.collect();
        self.breaker.saw(&ended, self.clock.now());
        verdicts
    }

    /// All of a batch in one call.
    async fn claim_first_receives(&self, items: &[Result<Item<'_>>]) -> Vec<Result<Claimed>> {
        let now = self.clock.now();
        let first = items.iter().flatten().filter(|item| item.claims_at_once);
        let claims: Vec<_> = first.map(|item| item.claim(1, now)).collect();
        if claims.is_empty() { Vec::new() } else { self.ledger.claim(&claims).await }
    }

    async fn turn(&self, item: &Item<'_>, first_claim: Option<Result<Claimed>>) -> Result<Turn> {
        match (first_claim.transpose()?, &item.sendable) {
            (Some(Claimed::Granted), Ok((event, destination))) => {
                self.attempt(item, (event, destination), 1).await
            }
            _ => self.follow_the_records(item).await,
        }
    }

    /// Someone was here before, or there is no sending it: the records say what to do.
    async fn follow_the_records(&self, item: &Item<'_>) -> Result<Turn> {
        for _ in 0..MAX_STEPS {
            let records = self.ledger.records(&item.delivery.account_id, &item.delivery.id).await?;
            let now = self.clock.now();
            if item.is_forgotten(&records) {
                tracing::info!(
                    delivery_id = %item.delivery.id,
                    status = DeliveryStatus::Cancelled.as_str(),
                    reason = Unsendable::NoEvent.reason(),
                    "delivery.cancelled"
                );
                return Ok(Turn::Ended);
            }
            match (next_step(&records, Some(&item.owner), now), &item.sendable) {
                (Step::Acknowledge, _) => return Ok(Turn::Ended),
                (Step::Wait { until }, _) => return Ok(Turn::NotBefore(until)),
                (Step::CloseUnknown { number, owner, claimed_at }, _) => {
                    let closing = Closing::unknown(item.delivery.clone(), number, owner, claimed_at, now);
                    if self.ledger.complete(&closing).await? {
                        log_attempt(&closing, None, None);
                    }
                }
                // Slow tables used the time up, and an attempt would be killed at the deadline: another invocation has more.
                (Step::Claim { .. }, Ok(_)) if item.lease_until.since(now) < TIME_TO_CLAIM + LEASE_MARGIN => {
                    return Ok(Turn::NotBefore(now));
                }
                (Step::Claim { number }, Ok((event, destination))) => {
                    let claimed = self.ledger.claim(&[item.claim(number, now)]).await;
                    if claimed.into_iter().next().transpose()? == Some(Claimed::Granted) {
                        return self.attempt(item, (event, destination), number).await;
                    }
                }
                (Step::Claim { number }, Err(reason)) => {
                    self.cancel(item, number, reason.reason(), now).await?;
                }
                (Step::Send { number }, Ok((event, destination))) => {
                    return self.attempt(item, (event, destination), number).await;
                }
                (Step::Send { .. }, Err(_)) => return Ok(Turn::NotBefore(item.lease_until)),
            }
        }
        Err(Unavailable::new("follow a delivery's records", "they kept changing"))
    }

    /// One HTTP request between a claim that is ours and the completion of its record.
    async fn attempt(
        &self,
        item: &Item<'_>,
        (event, destination): (&LifecycleEvent, &Destination<Open>),
        number: u8,
    ) -> Result<Turn> {
        let claim = item.claim(number, self.clock.now());
        let (outcome, trimmed) = match wire::request(event, destination, &item.delivery.id, number, claim.at)
        {
            Ok(request) => {
                let trimmed = request.trimmed;
                let outcome = self.sender.send(request).await;
                let _ = item.outcome.set(outcome.class); // an item makes one request
                (outcome, trimmed)
            }
            Err(too_long) => {
                (Outcome::failed(OutcomeClass::UrlTooLong, too_long.to_string(), Duration::ZERO), &[][..])
            }
        };
        // Of the event, not of the message: what was sent again was made long after.
        let is_first = number == 1 && item.delivery.trigger == Trigger::Lifecycle;
        let delay = is_first.then(|| claim.at.since(event.accepted_at));
        let closing = Closing::new(claim, outcome, trimmed, self.clock.now());
        log_attempt(&closing, delay, item.burned_receives(number));
        if !self.ledger.complete(&closing).await? {
            // Our lease ran out while we were sending, and the record says `unknown` by now.
            tracing::warn!(delivery_id = %closing.delivery.id, attempt = number, "attempt.lost");
            return Ok(Turn::NotBefore(self.clock.now() + RETRY_AFTER));
        }
        Ok(match (closing.status, closing.attempted.next_at) {
            (_, Some(next_at)) => Turn::NotBefore(next_at),
            (DeliveryStatus::Delivered, None) => Turn::Ended,
            // Failed for good. Not acknowledged: it ends as a dead letter, which is counted and then reconciled.
            (_, None) => Turn::NotBefore(closing.at),
        })
    }

    async fn cancel(&self, item: &Item<'_>, number: u8, reason: &str, now: Timestamp) -> Result<()> {
        let status = DeliveryStatus::Cancelled;
        if self.ledger.close(&item.delivery, number, status, reason, now).await? == Claimed::Granted {
            tracing::info!(delivery_id = %item.delivery.id, status = status.as_str(), reason, "delivery.cancelled");
        }
        Ok(())
    }

    async fn failed(&self, received: &Received, error: &Unavailable) -> Verdict {
        tracing::error!(
            delivery_id = %received.message.delivery_id,
            destination_id = %received.message.destination_id,
            error = %error,
            cause = error.causes(),
            "delivery.failed"
        );
        self.postpone(&received.receipt, RETRY_AFTER).await;
        Verdict::Again
    }

    /// Best effort: without it, the message comes back at the queue's own visibility timeout.
    async fn postpone(&self, receipt: &Receipt, delay: Duration) {
        if let Err(error) = self.visibility.postpone(receipt, delay).await {
            tracing::warn!(error = %error, "visibility.unchanged");
        }
    }
}

/// What to send and where to, its secrets still closed, or why there is no sending it.
fn closed(context: &Context) -> Result<(&LifecycleEvent, &Destination), Unsendable> {
    let event = context.event.as_ref().ok_or(Unsendable::NoEvent)?;
    let destination = context.destination.as_ref().ok_or(Unsendable::NoDestination)?;
    if destination.is_active() { Ok((event, destination)) } else { Err(Unsendable::Disabled) }
}

/// One wide line for each attempt: ids and numbers, never a URL, a header or a payload.
fn log_attempt(closing: &Closing, first_attempt_delay: Option<Duration>, burned_receives: Option<u32>) {
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let Closing { delivery, number, attempted, status, .. } = closing;
    tracing::info!(
        account_id = %delivery.account_id,
        delivery_id = %delivery.id,
        destination_id = %delivery.destination_id,
        conversation_id = %delivery.conversation_id,
        event = delivery.event.as_str(),
        attempt = number,
        outcome = attempted.outcome.class.as_str(),
        http_status = attempted.outcome.http_status,
        error = attempted.outcome.error,
        duration_ms = milliseconds(attempted.outcome.duration),
        first_attempt_delay_ms = first_attempt_delay.map(milliseconds),
        burned_receives,
        ended_at = %closing.at,
        next_at = attempted.next_at.map(tracing::field::display),
        status = status.as_str(),
        "delivery.attempted"
    );
}

#[cfg(test)]
mod tests;
