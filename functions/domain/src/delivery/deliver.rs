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
mod tests {
    use super::*;
    use crate::delivery::history::Entry;
    use crate::delivery::message::DeliveryMessage;
    use crate::delivery::state::Standing;
    use crate::destination::record::DestinationStatus;
    use crate::shared::ids::{DeliveryId, DestinationId};
    use crate::testing::fakes::{
        GlassVault, Lines, ManualClock, MemoryDestinations, MemoryLedger, MemoryVisibility, ScriptedSender,
        sample,
    };

    /// One worker over fakes, whose verbs make the tests read as sentences.
    struct World {
        clock: ManualClock,
        destinations: MemoryDestinations,
        ledger: MemoryLedger,
        sender: ScriptedSender,
        visibility: MemoryVisibility,
    }

    impl World {
        fn answering(script: &[u16]) -> Self {
            let destinations = MemoryDestinations::default();
            destinations.put(sample::destination("dst_1"));
            destinations.put_event(sample::event("{}"));
            Self {
                clock: ManualClock::new(1_000_000),
                destinations,
                ledger: MemoryLedger::default(),
                sender: ScriptedSender::new(script),
                visibility: MemoryVisibility::default(),
            }
        }

        fn worker<C: Contexts>(
            &self,
            contexts: C,
        ) -> Deliver<MemoryLedger, C, GlassVault, ScriptedSender, MemoryVisibility> {
            let (ledger, sender, visibility) =
                (self.ledger.clone(), self.sender.clone(), self.visibility.clone());
            let clock = Arc::new(self.clock.clone());
            Deliver::new(ledger, contexts, GlassVault, sender, visibility, Arc::default(), clock)
        }

        async fn receive(&self, batch: &[Received]) -> Vec<Verdict> {
            self.receive_with(batch, Duration::from_secs(30)).await
        }

        async fn receive_with(&self, batch: &[Received], time_left: Duration) -> Vec<Verdict> {
            let deliver = self.worker(self.destinations.clone());
            let deadline = self.clock.now() + time_left;
            let id = format!("invocation-{}", self.clock.now().as_millis());
            deliver.run(batch, &Invocation { id, deadline }).await
        }

        fn standing(&self) -> Standing {
            Standing::of(&self.ledger.records_of(&sample::delivery().id)).unwrap()
        }
    }

    fn received(receive_count: u32) -> Received {
        let receipt = Receipt("r".to_owned());
        Received { message: sample::delivery_message(), receipt, receive_count: Some(receive_count) }
    }

    fn to(destination: &str) -> Received {
        let destination_id = DestinationId::parse(destination).unwrap();
        let id = DeliveryId::of(&sample::event("").id, &destination_id);
        let delivery = Delivery { id, destination_id, ..sample::delivery() };
        Received {
            message: delivery.into(),
            receipt: Receipt(destination.to_owned()),
            receive_count: Some(1),
        }
    }

    #[tokio::test]
    async fn a_success_is_acknowledged_and_never_sent_again() {
        let world = World::answering(&[200]);
        assert_eq!(world.receive(&[received(1)]).await, [Verdict::Done]);
        assert_eq!(world.receive(&[received(1)]).await, [Verdict::Done], "the same message once more");
        assert_eq!(world.sender.sent().len(), 1);
        assert_eq!(world.standing().status, DeliveryStatus::Delivered);
    }

    #[tokio::test]
    async fn a_first_receive_is_made_without_a_read_and_no_other() {
        for (receive_count, verdict) in
            [(Some(1), Verdict::Done), (Some(2), Verdict::Again), (None, Verdict::Again)]
        {
            let world = World::answering(&[200]);
            world.ledger.be_unreadable();
            let received = Received { receive_count, ..received(1) };
            assert_eq!(world.receive(&[received]).await, [verdict], "{receive_count:?}");
        }
    }

    /// Metrics are made of the lines.
    #[tokio::test]
    async fn each_attempt_is_a_line_with_its_delay_if_it_is_an_events_first_and_with_the_receives_it_took() {
        let (world, lines) = (World::answering(&[500, 500, 200]), Lines::captured());
        let accepted_at = sample::event("").accepted_at;
        let delay = world.clock.now().since(accepted_at).as_millis();
        for receive in [2, 4] {
            world.receive(&[received(receive)]).await;
            world.clock.advance(RETRY_AFTER);
        }
        let mut sent_again = to("dst_1");
        sent_again.message.trigger = Trigger::Resend;
        sent_again.message.delivery_id = sent_again.message.delivery_id.again("").unwrap();
        world.receive(&[sent_again]).await;
        let said = lines.of("delivery.attempted");
        let says = |line: &str, field: &str| format!("{line} ").contains(&format!(" {field} "));
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(says(&said[0], &format!("first_attempt_delay_ms={delay}")), "{said:?}");
        assert!(said[1..].iter().all(|line| !line.contains("first_attempt_delay_ms")), "{said:?}");
        let burned = ["1", "2", "0"].map(|burned| format!("burned_receives={burned}"));
        assert!(said.iter().zip(burned).all(|(line, burned)| says(line, &burned)), "{said:?}");
    }

    #[tokio::test]
    async fn four_failures_exhaust_a_delivery() {
        let world = World::answering(&[500; 9]);
        for receive in 1..=6 {
            world.receive(&[received(receive)]).await;
            world.clock.advance(RETRY_AFTER);
        }
        let standing = world.standing();
        assert_eq!((standing.status, standing.attempts), (DeliveryStatus::Exhausted, 4));
        assert_eq!(world.sender.sent().len(), 4);
    }

    #[tokio::test]
    async fn a_failure_comes_back_after_ten_seconds_and_not_before() {
        let world = World::answering(&[500, 200]);
        assert_eq!(world.receive(&[received(1)]).await, [Verdict::Again]);
        assert_eq!(world.visibility.asked()[0].1, RETRY_AFTER);
        world.clock.advance(Duration::from_secs(4));
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Again], "the queue was early");
        assert_eq!(world.visibility.asked()[1].1, Duration::from_secs(6));
        world.clock.advance(Duration::from_secs(6));
        assert_eq!(world.receive(&[received(3)]).await, [Verdict::Done]);
        assert_eq!(world.sender.sent().len(), 2);
    }

    #[tokio::test]
    async fn a_claim_whose_owner_died_becomes_unknown_and_the_next_number_is_sent() {
        let world = World::answering(&[200]);
        let lease_until = world.clock.now() + Duration::from_secs(30);
        let owner = Owner::new("dead", 0);
        let claim =
            Claim { delivery: sample::delivery(), number: 1, owner, at: world.clock.now(), lease_until };
        world.ledger.claim(&[claim]).await;
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Again], "its lease lives");
        world.clock.advance(Duration::from_secs(30));
        assert_eq!(world.receive(&[received(3)]).await, [Verdict::Done]);
        let records = world.ledger.records_of(&sample::delivery().id);
        let classes: Vec<_> = records
            .iter()
            .map(|record| match &record.entry {
                Entry::Attempted(attempted) => attempted.outcome.class,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(classes, [OutcomeClass::Unknown, OutcomeClass::Success]);
    }

    #[tokio::test]
    async fn two_copies_in_one_batch_send_once() {
        let world = World::answering(&[200]);
        let verdicts = world.receive(&[received(1), received(1)]).await;
        assert_eq!(verdicts[0], Verdict::Done);
        assert_eq!(world.sender.sent().len(), 1);
    }

    #[tokio::test]
    async fn a_panic_in_one_item_fails_that_item_only() {
        let world = World::answering(&[0, 200]);
        world.destinations.put(sample::destination("dst_2"));
        let verdicts = world.receive(&[to("dst_1"), to("dst_2")]).await;
        assert_eq!(verdicts, [Verdict::Again, Verdict::Done]);
    }

    #[tokio::test]
    async fn secrets_that_do_not_open_fail_their_own_delivery_unclaimed_until_they_are_mended() {
        let world = World::answering(&[200, 200]);
        let mut moved = sample::destination("dst_2");
        moved.private = sample::destination("dst_1").private;
        world.destinations.put(moved.clone());
        let verdicts = world.receive(&[to("dst_2"), to("dst_1")]).await;
        assert_eq!(verdicts, [Verdict::Again, Verdict::Done]);
        assert_eq!(world.sender.sent().len(), 1);
        assert!(world.ledger.records_of(&to("dst_2").message.delivery_id).is_empty());
        assert_eq!(world.visibility.asked(), [(to("dst_2").receipt, RETRY_AFTER)]);
        world.destinations.put(sample::destination("dst_2"));
        assert_eq!(world.receive(&[to("dst_2")]).await, [Verdict::Done]);
    }

    #[tokio::test]
    async fn the_secrets_of_a_destination_that_takes_nothing_stay_closed() {
        let world = World::answering(&[]);
        let mut moved = sample::destination("dst_2");
        moved.private = sample::destination("dst_1").private;
        world.destinations.put(Destination { status: DestinationStatus::Disabled, ..moved });
        assert_eq!(world.receive(&[to("dst_2")]).await, [Verdict::Done], "cancelled");
    }

    #[tokio::test]
    async fn with_no_time_left_the_batch_is_handed_back_unclaimed() {
        let world = World::answering(&[200]);
        let too_little = TIME_NEEDED - Duration::from_millis(1);
        let verdicts = world.receive_with(&[received(1)], too_little).await;
        assert_eq!(verdicts, [Verdict::Again]);
        assert!(world.ledger.records_of(&sample::delivery().id).is_empty());
        assert_eq!(world.visibility.asked()[0].1, Duration::ZERO);
        assert_eq!(world.receive_with(&[received(1)], TIME_NEEDED).await, [Verdict::Done]);
    }

    /// Tables that take their time.
    struct Slow(MemoryDestinations, ManualClock, Duration);

    impl Contexts for Slow {
        async fn load(&self, deliveries: &[&DeliveryMessage]) -> Result<Vec<Context>> {
            self.1.advance(self.2);
            self.0.load(deliveries).await
        }
    }

    /// A batch can begin in time and come to its claims too late. An attempt would be killed at the deadline, and nobody
    /// would know what became of it.
    #[tokio::test]
    async fn slow_tables_leave_no_time_to_claim() {
        assert!(TIME_NEEDED > TIME_TO_CLAIM && TIME_TO_CLAIM > ATTEMPT_LIMIT);
        for (receive_count, short_of, verdict) in
            [(1, 0, Verdict::Done), (1, 1, Verdict::Again), (2, 0, Verdict::Done), (2, 1, Verdict::Again)]
        {
            let world = World::answering(&[200]);
            let takes = Duration::from_millis(7000 + short_of);
            let deliver = world.worker(Slow(world.destinations.clone(), world.clock.clone(), takes));
            let deadline = world.clock.now() + TIME_TO_CLAIM + Duration::from_secs(7);
            let invocation = Invocation { id: "slow".to_owned(), deadline };
            assert_eq!(deliver.run(&[received(receive_count)], &invocation).await, [verdict]);
            let is_recorded = !world.ledger.records_of(&sample::delivery().id).is_empty();
            assert_eq!(is_recorded, verdict == Verdict::Done, "{receive_count} {short_of}");
        }
    }

    #[tokio::test]
    async fn a_destination_that_is_gone_cancels_what_is_left() {
        for disable in [true, false] {
            let world = World::answering(&[500, 200]);
            let lines = Lines::captured();
            world.receive(&[received(1)]).await;
            if disable {
                let status = DestinationStatus::Disabled;
                world.destinations.put(Destination { status, ..sample::destination("dst_1") });
            } else {
                world.destinations.remove(&sample::delivery().destination_id);
            }
            world.clock.advance(RETRY_AFTER);
            assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
            let standing = world.standing();
            assert_eq!((standing.status, standing.attempts), (DeliveryStatus::Cancelled, 1));
            assert_eq!(lines.of("delivery.cancelled").len(), 1);
            let how = if disable { "disabled" } else { "deleted" };
            assert_eq!(standing.error, Some(format!("The destination was {how}.")));
            assert_eq!(world.sender.sent().len(), 1);
        }
    }

    /// A record now would stand in the way of the delivery that the same conversation makes when it begins again.
    #[tokio::test]
    async fn a_delivery_of_a_conversation_that_was_deleted_is_acknowledged_without_a_trace() {
        let world = World::answering(&[500, 200]);
        world.destinations.remove_event(&sample::event("").id);
        assert_eq!(world.receive(&[received(1)]).await, [Verdict::Done]);
        assert!(world.ledger.records_of(&sample::delivery().id).is_empty());

        // One that waits for its retry, and whose records were deleted with the conversation.
        world.destinations.put_event(sample::event("{}"));
        assert_eq!(world.receive(&[received(1)]).await, [Verdict::Again]);
        world.destinations.remove_event(&sample::event("").id);
        world.ledger.forget(&sample::delivery().id, 1);
        world.clock.advance(RETRY_AFTER);
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
        assert!(world.ledger.records_of(&sample::delivery().id).is_empty());
        assert_eq!(world.sender.sent().len(), 1, "the one before the deletion");
    }

    /// The record of a second attempt that was claimed while the first one's was being deleted.
    #[tokio::test]
    async fn what_is_left_of_a_deleted_history_is_not_added_to() {
        let world = World::answering(&[500]);
        world.receive(&[received(1)]).await;
        let owner = Owner::new("late", 0);
        let lease_until = world.clock.now() + Duration::from_secs(30);
        let claim =
            Claim { delivery: sample::delivery(), number: 2, owner, at: world.clock.now(), lease_until };
        world.ledger.claim(&[claim]).await;
        world.ledger.forget(&sample::delivery().id, 1);
        world.destinations.remove_event(&sample::event("").id);
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
        let records = world.ledger.records_of(&sample::delivery().id);
        assert!(
            matches!(&records[..], [Record { number: 2, entry: Entry::Inflight { .. }, .. }]),
            "{records:?}"
        );
    }

    /// An event whose time is over, or whose records were not deleted: they say how the delivery ended.
    #[tokio::test]
    async fn an_event_that_is_gone_cancels_what_is_left() {
        let world = World::answering(&[500]);
        world.receive(&[received(1)]).await;
        world.destinations.remove_event(&sample::event("").id);
        world.clock.advance(RETRY_AFTER);
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
        assert_eq!(world.standing().status, DeliveryStatus::Cancelled);
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_made_is_one_attempt_for_good() {
        let world = World::answering(&[]);
        let get = Destination {
            request_type: crate::destination::record::RequestType::Get,
            ..sample::destination("dst_1")
        };
        world.destinations.put(get);
        world.destinations.put_event(sample::event(&format!(r#"{{"notes":"{}"}}"#, "x".repeat(9000))));
        world.receive(&[received(1)]).await;
        let standing = world.standing();
        assert_eq!(standing.outcome, Some(OutcomeClass::UrlTooLong));
        assert_eq!(standing.status, DeliveryStatus::Exhausted);
        assert!(world.sender.sent().is_empty());
    }
}
