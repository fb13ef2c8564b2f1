mod extended;
mod health;

use self::health::{Queue, Worker};
use super::*;
use crate::delivery::history::{Entry, Record};
use crate::delivery::ledger::Claim;
use crate::delivery::message::DeliveryMessage;
use crate::delivery::received::Receipt;
use crate::delivery::record::Delivery;
use crate::delivery::state::DeliveryState;
use crate::destination::record::{Destination, DestinationStatus};
use crate::destination::retry::Retry;
use crate::event::store::EventEraser;
use crate::shared::ids::{DeliveryId, DestinationId};
use crate::testing::fakes::{
    CapturedLog, ManualClock, MemoryDestinations, MemoryLedger, PlaintextVault, ScriptedSender, sample,
};

/// One worker over fakes, whose verbs make the tests read as sentences.
struct World {
    clock: ManualClock,
    destinations: MemoryDestinations,
    ledger: MemoryLedger,
    sender: ScriptedSender,
    queue: Queue,
    disable_after: Option<Duration>,
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
            queue: Queue::default(),
            disable_after: None,
        }
    }

    fn worker<C: Contexts>(&self, contexts: C) -> Worker<C> {
        let (ledger, sender, queue) = (self.ledger.clone(), self.sender.clone(), self.queue.clone());
        let clock = Arc::new(self.clock.clone());
        let monitor = Monitor::new(self.destinations.clone(), queue.clone(), self.disable_after);
        Deliver::new(ledger, contexts, PlaintextVault, sender, queue, monitor, Arc::default(), clock)
    }

    async fn receive(&self, batch: &[Received]) -> Vec<Verdict> {
        self.receive_with(batch, Duration::from_secs(30)).await
    }

    async fn receive_with(&self, batch: &[Received], time_left: Duration) -> Vec<Verdict> {
        let deadline = self.clock.now() + time_left;
        let id = format!("invocation-{}", self.clock.now().as_millis());
        self.worker(self.destinations.clone()).run(batch, &Invocation { id, deadline }).await
    }

    fn state(&self) -> DeliveryState {
        DeliveryState::of(&self.ledger.records_of(&sample::delivery().id)).unwrap()
    }
}

fn claim(world: &World, number: u8, owner: Owner, lease_until: Timestamp) -> Claim {
    let (delivery, retry, at) = (sample::delivery(), Retry::Standard, world.clock.now());
    Claim { delivery, retry, number, owner, at, lease_until }
}

/// The conversation is deleted, and its event with it.
async fn forget_event(world: &World) {
    let (event, now) = (sample::event("").id, world.clock.now());
    world.destinations.events().forget_event(&sample::account(), &event, now).await.unwrap();
}

fn received(receive_count: u32) -> Received {
    let receipt = Receipt("r".to_owned());
    Received { message: sample::delivery_message(), receipt, receive_count: Some(receive_count) }
}

fn to(destination: &str) -> Received {
    let destination_id = DestinationId::parse(destination).unwrap();
    let id = DeliveryId::of(&sample::event("").id, &destination_id);
    let delivery = Delivery { id, destination_id, ..sample::delivery() };
    Received { message: delivery.into(), receipt: Receipt(destination.to_owned()), receive_count: Some(1) }
}

#[tokio::test]
async fn a_success_is_acknowledged_and_never_sent_again() {
    let world = World::answering(&[200]);
    assert_eq!(world.receive(&[received(1)]).await, [Verdict::Done]);
    assert_eq!(world.receive(&[received(1)]).await, [Verdict::Done], "a second copy of the message");
    assert_eq!(world.sender.sent().len(), 1);
    assert_eq!(world.state().status, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_first_receive_is_made_without_a_read_and_no_other() {
    for (receive_count, sent) in [(Some(1), 1), (Some(2), 0), (None, 0)] {
        let world = World::answering(&[200]);
        world.ledger.fail_reads();
        let received = Received { receive_count, ..received(1) };
        assert_eq!(world.receive(&[received]).await, [Verdict::Done]);
        assert_eq!(world.sender.sent().len(), sent, "{receive_count:?}");
    }
}

/// Metrics are computed from these log lines.
#[tokio::test]
async fn each_attempt_is_a_line_with_its_delay_if_it_is_an_events_first_and_with_the_receives_it_took() {
    let (world, lines) = (World::answering(&[500, 500, 200]), CapturedLog::start());
    let accepted_at = sample::event("").accepted_at;
    let delay = world.clock.now().since(accepted_at).as_millis();
    for receive in [2, 4] {
        world.receive(&[received(receive)]).await;
        world.clock.advance(RETRY_AFTER);
    }
    let mut sent_again = to("dst_1");
    sent_again.message.trigger = Trigger::Resend;
    sent_again.message.delivery_id = sent_again.message.delivery_id.resend_id("").unwrap();
    world.receive(&[sent_again]).await;
    let logged = lines.of("delivery.attempted");
    let has = |line: &str, field: &str| format!("{line} ").contains(&format!(" {field} "));
    assert_eq!(logged.len(), 3, "{logged:?}");
    assert!(has(&logged[0], &format!("delay_ms={delay}")), "{logged:?}");
    assert!(logged[1..].iter().all(|line| !line.contains("delay_ms")), "{logged:?}");
    for (line, unused) in logged.iter().zip([1, 2]) {
        assert!(has(line, &format!("receives_without_attempt={unused}")), "{logged:?}");
    }
    assert!(!logged[2].contains("receives_without_attempt"), "{logged:?}");
}

#[tokio::test]
async fn four_failures_exhaust_a_delivery() {
    let world = World::answering(&[500; 9]);
    for receive in 1..=6 {
        world.receive(&[received(receive)]).await;
        world.clock.advance(RETRY_AFTER);
    }
    let state = world.state();
    assert_eq!((state.status, state.attempts), (DeliveryStatus::Exhausted, 4));
    assert_eq!(world.sender.sent().len(), 4);
}

#[tokio::test]
async fn a_failure_comes_back_after_ten_seconds_and_not_before() {
    let world = World::answering(&[500, 200]);
    assert_eq!(world.receive(&[received(1)]).await, [Verdict::Keep]);
    assert_eq!(world.queue.postponed()[0].1, RETRY_AFTER);
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(world.receive(&[received(2)]).await, [Verdict::Keep], "the queue delivered it early");
    assert_eq!(world.queue.postponed()[1].1, Duration::from_secs(6));
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(world.receive(&[received(3)]).await, [Verdict::Done]);
    assert_eq!(world.sender.sent().len(), 2);
}

#[tokio::test]
async fn a_claim_whose_owner_died_becomes_unknown_and_the_next_number_is_sent() {
    let world = World::answering(&[200]);
    let lease_until = world.clock.now() + Duration::from_secs(30);
    world.ledger.claim(&[claim(&world, 1, Owner::new("dead", 0), lease_until)]).await;
    assert_eq!(world.receive(&[received(2)]).await, [Verdict::Keep], "its lease has not expired");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.receive(&[received(3)]).await, [Verdict::Done]);
    let records = world.ledger.records_of(&sample::delivery().id);
    let class = |record: &Record| match &record.entry {
        Entry::Attempted(attempted) => attempted.outcome.class,
        other => panic!("{other:?}"),
    };
    let classes: Vec<_> = records.iter().map(class).collect();
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
    assert_eq!(verdicts, [Verdict::Done; 2]);
    assert_eq!(world.queue.sent(), [to("dst_1").message.after_failure()]);
}

#[tokio::test]
async fn secrets_that_do_not_open_fail_their_own_delivery_unclaimed_until_they_are_mended() {
    let world = World::answering(&[200, 200]);
    let mut moved = sample::destination("dst_2");
    moved.secrets = sample::destination("dst_1").secrets;
    world.destinations.put(moved.clone());
    let verdicts = world.receive(&[to("dst_2"), to("dst_1")]).await;
    assert_eq!(verdicts, [Verdict::Done; 2]);
    assert_eq!(world.sender.sent().len(), 1);
    assert!(world.ledger.records_of(&to("dst_2").message.delivery_id).is_empty());
    assert_eq!(world.queue.sent(), [to("dst_2").message.after_failure()]);
    world.destinations.put(sample::destination("dst_2"));
    assert_eq!(world.receive(&[to("dst_2")]).await, [Verdict::Done]);
}

#[tokio::test]
async fn the_secrets_of_a_destination_that_takes_nothing_stay_closed() {
    let world = World::answering(&[]);
    let mut moved = sample::destination("dst_2");
    moved.secrets = sample::destination("dst_1").secrets;
    world.destinations.put(Destination { status: DestinationStatus::Disabled, ..moved });
    assert_eq!(world.receive(&[to("dst_2")]).await, [Verdict::Done], "cancelled");
}

#[tokio::test]
async fn with_no_time_left_the_batch_is_handed_back_unclaimed() {
    let world = World::answering(&[200]);
    let too_little = TIME_NEEDED - Duration::from_millis(1);
    let verdicts = world.receive_with(&[received(1)], too_little).await;
    assert_eq!(verdicts, [Verdict::Keep]);
    assert!(world.ledger.records_of(&sample::delivery().id).is_empty());
    assert_eq!(world.queue.postponed()[0].1, Duration::ZERO);
    assert_eq!(world.receive_with(&[received(1)], TIME_NEEDED).await, [Verdict::Done]);
}

/// Tables that answer after a delay.
struct Slow(MemoryDestinations, ManualClock, Duration);

impl Contexts for Slow {
    async fn load(&self, deliveries: &[&DeliveryMessage]) -> Vec<Result<Context>> {
        self.1.advance(self.2);
        self.0.load(deliveries).await
    }
}

/// A number that a slow claim used up would be one request fewer for the destination.
#[tokio::test]
async fn a_claim_that_took_too_long_is_released_and_uses_no_number() {
    assert!(TIME_TO_CLAIM > TIME_TO_SEND && TIME_TO_SEND > ATTEMPT_LIMIT);
    for receive_count in [1, 2] {
        let world = World::answering(&[200]);
        let time_left = TIME_NEEDED + Duration::from_secs(1);
        world.ledger.slow_claims(&world.clock, time_left - TIME_TO_SEND + Duration::from_millis(1));
        assert_eq!(world.receive_with(&[received(receive_count)], time_left).await, [Verdict::Keep]);
        assert!(world.sender.sent().is_empty() && world.ledger.records_of(&sample::delivery().id).is_empty());
        assert_eq!(world.queue.postponed()[0].1, Duration::ZERO);
        world.ledger.slow_claims(&world.clock, time_left - TIME_TO_SEND);
        assert_eq!(world.receive_with(&[received(receive_count)], time_left).await, [Verdict::Done]);
        assert_eq!(world.state().attempts, 1);
    }
}

/// A batch can start in time and reach its claims too late. The deadline would kill the attempt, and its outcome would
/// be unknown.
#[tokio::test]
async fn slow_tables_leave_no_time_to_claim() {
    assert!(TIME_NEEDED > TIME_TO_CLAIM && TIME_TO_CLAIM > ATTEMPT_LIMIT);
    for (receive_count, short_of, verdict) in
        [(1, 0, Verdict::Done), (1, 1, Verdict::Keep), (2, 0, Verdict::Done), (2, 1, Verdict::Keep)]
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
        let lines = CapturedLog::start();
        world.receive(&[received(1)]).await;
        if disable {
            let status = DestinationStatus::Disabled;
            world.destinations.put(Destination { status, ..sample::destination("dst_1") });
        } else {
            world.destinations.remove(&sample::delivery().destination_id);
        }
        world.clock.advance(RETRY_AFTER);
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
        let state = world.state();
        assert_eq!((state.status, state.attempts), (DeliveryStatus::Cancelled, 1));
        assert_eq!(lines.of("delivery.cancelled").len(), 1);
        let how = if disable { "disabled" } else { "deleted" };
        assert_eq!(state.error, Some(format!("The destination was {how}.")));
        assert_eq!(world.sender.sent().len(), 1);
    }
}

/// A new record would block the same delivery when the conversation starts again.
#[tokio::test]
async fn a_delivery_of_a_conversation_that_was_deleted_is_acknowledged_without_a_trace() {
    let world = World::answering(&[500, 200]);
    forget_event(&world).await;
    assert_eq!(world.receive(&[received(1)]).await, [Verdict::Done]);
    assert!(world.ledger.records_of(&sample::delivery().id).is_empty());

    // A delivery that waits for its retry and whose records were deleted with the conversation.
    world.destinations.put_event(sample::event("{}"));
    assert_eq!(world.receive(&[received(1)]).await, [Verdict::Keep]);
    forget_event(&world).await;
    world.ledger.forget(&sample::delivery().id, 1);
    world.clock.advance(RETRY_AFTER);
    assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
    assert!(world.ledger.records_of(&sample::delivery().id).is_empty());
    assert_eq!(world.sender.sent().len(), 1, "only the request before the deletion");
}

/// A second attempt was claimed while the first attempt's record was being deleted.
#[tokio::test]
async fn what_is_left_of_a_deleted_history_is_not_added_to() {
    let world = World::answering(&[500]);
    world.receive(&[received(1)]).await;
    let lease_until = world.clock.now() + Duration::from_secs(30);
    world.ledger.claim(&[claim(&world, 2, Owner::new("late", 0), lease_until)]).await;
    world.ledger.forget(&sample::delivery().id, 1);
    forget_event(&world).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
    let records = world.ledger.records_of(&sample::delivery().id);
    assert!(matches!(&records[..], [Record { number: 2, entry: Entry::Inflight { .. }, .. }]), "{records:?}");
}

#[tokio::test]
async fn a_delivery_that_fails_because_of_us_waits_as_a_copy_and_itself_if_none_can_be_sent() {
    let world = World::answering(&[200]);
    world.ledger.fail_reads();
    let mut again = received(2);
    for wait in [10, 30, 120, 900, 900] {
        assert_eq!(world.receive(&[again.clone()]).await, [Verdict::Done]);
        again.message = world.queue.sent().pop().unwrap();
        assert_eq!(again.message.wait.duration(), Duration::from_secs(wait));
        assert_eq!(again.message.created_at, received(2).message.created_at);
    }
    assert!(world.queue.postponed().is_empty(), "nothing waits in flight");
    world.queue.fail_next();
    assert_eq!(world.receive(&[again.clone()]).await, [Verdict::Keep]);
    assert_eq!(world.queue.postponed(), [(again.receipt, RETRY_AFTER)]);
}

/// Its event's retention is over, with the delivery's first attempt made or not. That is the end of any loop.
#[tokio::test]
async fn a_delivery_that_outlives_its_event_has_a_record_that_says_so() {
    for attempts in [0, 1] {
        let world = World::answering(&[500]);
        for _ in 0..attempts {
            world.receive(&[received(1)]).await;
            world.clock.advance(RETRY_AFTER);
        }
        world.destinations.events().expire(&sample::event("").id);
        assert_eq!(world.receive(&[received(2)]).await, [Verdict::Done]);
        assert_eq!(world.state().status, DeliveryStatus::Cancelled);
        assert!(world.state().error.unwrap().starts_with("The delivery expired"));
    }
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
    let state = world.state();
    assert_eq!(state.outcome, Some(OutcomeClass::UrlTooLong));
    assert_eq!(state.status, DeliveryStatus::Exhausted);
    assert!(world.sender.sent().is_empty());
}

/// The receiver's limit is unknown, so nothing that can be left out is sent.
#[tokio::test]
async fn after_a_414_a_get_carries_neither_transcript_nor_analysis() {
    let world = World::answering(&[414, 500, 200]);
    let request_type = crate::destination::record::RequestType::Get;
    world.destinations.put(Destination { request_type, ..sample::destination("dst_1") });
    world
        .destinations
        .put_event(sample::event(r#"{"conversation_transcript":[1],"conversation_analysis":[2]}"#));
    for receive in 1..=3 {
        world.receive(&[received(receive)]).await;
        world.clock.advance(RETRY_AFTER);
    }
    let sent = world.sender.sent();
    let payloads: Vec<_> =
        sent.iter().map(|sent| sent.url.query_pairs().last().unwrap().1.into_owned()).collect();
    let whole = r#"{"conversation_transcript":[1],"conversation_analysis":[2]}"#;
    let trimmed = r#"{"conversation_transcript":[],"conversation_analysis":[]}"#;
    assert_eq!(payloads, [whole, trimmed, trimmed]);
}
