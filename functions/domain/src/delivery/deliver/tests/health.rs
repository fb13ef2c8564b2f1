//! What the ends of deliveries make of a destination's health.

use super::*;
use crate::destination::health::{Health, HealthState};
use crate::destination::store::Destinations;
use crate::event::kind::EventKind;
use crate::testing::fakes::MemoryQueue;

pub(super) type Queue = MemoryQueue<DeliveryMessage>;

pub(super) type Worker<C> =
    Deliver<MemoryLedger, C, PlaintextVault, ScriptedSender, Queue, MemoryDestinations, Queue>;

impl World {
    fn health(&self) -> Health {
        self.destinations.health_of(&sample::delivery().destination_id).unwrap()
    }

    /// Delivers another resend, all attempts of it.
    async fn deliver_all(&self, number: usize) {
        self.deliver_with(number, |_| {}).await;
    }

    async fn deliver_with(&self, number: usize, change: impl Fn(&mut DeliveryMessage)) {
        let mut received = received(1);
        let message = &mut received.message;
        message.delivery_id = message.delivery_id.resend_id(&number.to_string()).unwrap();
        message.trigger = Trigger::Resend;
        change(message);
        for receive in 1..=4 {
            received.receive_count = Some(receive);
            self.receive(&[received.clone()]).await;
            self.clock.advance(RETRY_AFTER);
        }
    }

    fn told(&self) -> Vec<EventKind> {
        self.queue.notices().iter().map(|notice| notice.event).collect()
    }
}

#[tokio::test]
async fn five_exhausted_deliveries_are_told_and_the_next_success_too() {
    let world = World::answering(&[[500; 4].repeat(6), vec![200; 2]].concat());
    for number in 0..6 {
        world.deliver_all(number).await;
        let health = world.health();
        // The sixth comes within the minute, and each receive has a process of its own.
        assert_eq!(health.consecutive_failures, u32::try_from(number).unwrap().min(4) + 1, "{number}");
        assert_eq!(health.state == HealthState::Failing, number >= 4, "{number}");
    }
    assert_eq!(world.told(), [EventKind::DestinationFailing]);
    world.deliver_all(6).await;
    world.deliver_all(7).await;
    assert_eq!(world.health().state, HealthState::Healthy);
    assert_eq!(world.told(), [EventKind::DestinationFailing, EventKind::DestinationRecovered]);
    let recovered = &world.health().changes[1];
    assert_eq!((recovered.consecutive_failures, recovered.last_outcome.as_str()), (5, "success"));
}

/// Retries that succeed, tests and notices count for nothing.
#[tokio::test]
async fn only_the_ends_of_the_accounts_events_count() {
    let world = World::answering(&[vec![500, 500, 500, 200], vec![500; 4 * 8]].concat());
    world.deliver_all(0).await;
    for number in 1..5 {
        world.deliver_with(number, |message| message.trigger = Trigger::Test).await;
        world.deliver_with(10 + number, |message| message.event = EventKind::DestinationFailing).await;
    }
    assert_eq!((world.health().consecutive_failures, world.told().len()), (0, 0));
    assert!(world.health().last_success_at.is_some() && world.health().last_failure_at.is_none());
}

#[tokio::test]
async fn gone_disables_a_destination_with_extended_retries_unless_it_has_changed_since() {
    for (retry, is_changed, disabled) in
        [(Retry::Extended, false, true), (Retry::Extended, true, false), (Retry::Standard, false, false)]
    {
        let world = World::answering(&[410; 4]);
        let received = Received { message: DeliveryMessage { retry, ..received(1).message }, ..received(1) };
        if is_changed {
            // While the request is under way.
            let changed = Destination { updated_at: world.clock.now(), ..sample::destination("dst_1") };
            let loaded = world.destinations.clone();
            let contexts = ChangedAfter { loaded, changed };
            let deadline = world.clock.now() + Duration::from_secs(30);
            let invocation = Invocation { id: "i".to_owned(), deadline };
            world.worker(contexts).run(&[received], &invocation).await;
        } else {
            world.receive(&[received]).await;
        }
        let health = world.health();
        assert_eq!(health.state == HealthState::Disabled, disabled, "{retry:?} {is_changed}");
        let stored = world.destinations.of_account(&sample::account()).await.unwrap().pop().unwrap();
        assert_eq!(stored.unwrap().is_active(), !disabled);
        assert_eq!(world.told().len(), usize::from(disabled || is_changed));
    }
}

/// Loads, and then the owner changes the destination.
struct ChangedAfter {
    loaded: MemoryDestinations,
    changed: Destination,
}

impl Contexts for ChangedAfter {
    async fn load(&self, deliveries: &[&DeliveryMessage]) -> Vec<Result<Context>> {
        let contexts = Contexts::load(&self.loaded, deliveries).await;
        self.loaded.put(self.changed.clone());
        contexts
    }
}

#[tokio::test]
async fn a_day_of_nothing_but_failures_disables_a_destination_where_the_operator_wants_it() {
    for (disable_after, disabled) in [(None, false), (Some(Duration::from_secs(24 * 60 * 60)), true)] {
        let mut world = World::answering(&[500; 4 * 6]);
        world.disable_after = disable_after;
        for number in 0..5 {
            world.deliver_all(number).await;
        }
        assert_eq!(world.health().state, HealthState::Failing);
        world.clock.advance(Duration::from_secs(24 * 60 * 60));
        world.deliver_all(5).await;
        assert_eq!(world.health().state == HealthState::Disabled, disabled);
        assert_eq!(world.told().contains(&EventKind::DestinationDisabled), disabled);
    }
}

/// What the queue or the table refuses is told again when the message comes back.
#[tokio::test]
async fn an_end_whose_notice_cannot_be_sent_is_told_again() {
    let world = World::answering(&[500; 4 * 5]);
    for number in 0..4 {
        world.deliver_all(number).await;
    }
    let mut last = received(1);
    for receive in 1..=3 {
        last.receive_count = Some(receive);
        world.receive(&[last.clone()]).await;
        world.clock.advance(RETRY_AFTER);
    }
    last.receive_count = Some(4);
    world.queue.fail_next();
    assert_eq!(world.receive(&[last.clone()]).await, [Verdict::Done], "a copy of it waits");
    assert_eq!((world.health().state, world.told().len()), (HealthState::Healthy, 0));
    let copy = Received { message: world.queue.sent().pop().unwrap(), ..received(1) };
    for _ in 0..2 {
        world.receive(std::slice::from_ref(&copy)).await;
    }
    assert_eq!((world.health().state, world.health().consecutive_failures), (HealthState::Failing, 5));
    assert_eq!(world.told(), [EventKind::DestinationFailing]);
}
