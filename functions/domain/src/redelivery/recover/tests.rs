use std::collections::BTreeSet;

use self::outside::{NOW, World, failed, missing};
use super::*;
use crate::destination::record::DestinationStatus;
use crate::event::kind::EventKind;
use crate::redelivery::recovery::Request;
use crate::redelivery::resend::NoDestination;
use crate::shared::ids::{DeliveryId, DestinationId, RecoveryId};
use crate::shared::timestamp::Timestamp;
use crate::testing::fakes::sample;

mod outside;

use DeliveryStatus::{Delivered, Exhausted, Pending, Skipped};

#[tokio::test]
async fn what_failed_is_sent_oldest_first_at_the_rate_and_a_second_run_sends_nothing() {
    let world = World::new();
    for ago in 1..=120 {
        let event = world.event(ago);
        world.record(&event, "dst_1", Exhausted);
        let good = world.event(1_000 + ago);
        world.record(&good, "dst_1", Delivered);
    }
    let id = world.start(1, failed()).await;
    world.run(Delivered).await;
    assert_eq!((world.shown(&id).state, world.progress(&id)), (State::Done, [120, 120, 120, 0]));
    let expected: Vec<_> = (1..=120).rev().map(|ago| format!("c-{ago}")).collect();
    assert_eq!(world.sent(), expected);
    // Ten become due each second, for five seconds; then the next step follows.
    let waits: Vec<_> = world.lock().sent.iter().map(|one| one.wait.duration().as_secs()).collect();
    let step = |count| (0..count).map(|index: u64| index / 10).collect::<Vec<_>>();
    assert_eq!(waits, [step(50), step(50), step(20)].concat());

    let again = world.start(2, failed()).await;
    world.run(Delivered).await;
    assert_eq!((world.shown(&again).state, world.progress(&again)), (State::Done, [0; 4]));
    assert_eq!(world.sent().len(), 120);
}

#[tokio::test]
async fn a_step_says_when_the_next_one_follows() {
    let world = World::new();
    world.record_failures(70);
    world.start(1, failed()).await;
    let mut waits = Vec::new();
    while world.step().await {
        waits.extend(world.lock().steps.iter().map(|one| one.wait.duration().as_secs()));
        world.deliver(Exhausted);
    }
    // The plan, which is one page; fifty, and twenty; the count.
    assert_eq!(waits, [0, 5, 2]);
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_makes_nothing_twice_and_loses_nothing() {
    for takes_effect in [false, true] {
        for at in 1.. {
            let world = World::new();
            world.lock().destinations.push(sample::destination("dst_2"));
            world.record_failures(7);
            let request =
                Request { include: vec![Include::Failed, Include::Missing], per_second: 1, ..failed() };
            let id = world.start(1, request).await;
            world.lock().dies = Some((at, takes_effect));
            world.run(Delivered).await;
            assert_eq!(world.shown(&id).state, State::Done, "{at} {takes_effect}");
            assert_eq!(world.progress(&id), [14, 14, 14, 0], "{at} {takes_effect}");
            assert_eq!(world.distinct(), 14, "{at} {takes_effect}");
            if world.lock().dies.is_some() {
                assert!(at > 60, "{at}");
                break; // it has lived
            }
        }
    }
}

#[tokio::test]
async fn a_step_that_is_repeated_does_not_queue_again_what_has_failed_again() {
    let world = World::new();
    world.record_failures(3);
    let id = world.start(1, failed()).await;
    world.step().await;
    let (planned, told) = (world.shown(&id), world.lock().steps[0].clone());
    world.step().await;
    world.deliver(Exhausted);
    // Its worker died before it noted the step.
    world.lock().recoveries = vec![planned];
    world.lock().steps = [told].into();
    world.step().await;
    assert_eq!(world.sent().len(), 3);
    world.run(Exhausted).await;
    assert_eq!((world.shown(&id).state, world.progress(&id)), (State::Done, [3, 3, 0, 3]));
}

#[tokio::test]
async fn every_message_twice_changes_nothing() {
    let world = World::new();
    world.record_failures(7);
    let id = world.start(1, Request { per_second: 1, ..failed() }).await;
    let mut taken = BTreeSet::new();
    for _ in 0..100 {
        let Some(message) = world.lock().steps.pop_front() else { break };
        if taken.insert(message.step) {
            world.lock().steps.push_back(message.clone());
        }
        world.recover().run(&message).await;
        world.deliver(Delivered);
    }
    assert_eq!((world.shown(&id).state, world.progress(&id)), (State::Done, [7, 7, 7, 0]));
    assert_eq!(world.sent().len(), 7);
}

#[tokio::test]
async fn two_recoveries_of_the_same_make_each_delivery_once() {
    let world = World::new();
    for ago in 1..=3 {
        let event = world.event(ago);
        world.record(&event, "dst_1", Exhausted);
        world.event(10 + ago);
    }
    for include in [vec![Include::Failed], vec![Include::Missing]] {
        let first = world.start(1, Request { include: include.clone(), ..failed() }).await;
        while world.lock().sent.is_empty() {
            world.step().await;
        }
        let plan = std::mem::take(&mut world.lock().plan);
        world.lock().steps.clear();
        let second = world.start(2, Request { include, ..failed() }).await;
        while world.shown(&second).progress.queued == 0 {
            world.step().await;
        }
        assert_eq!((plan.clone(), world.distinct()), (world.lock().plan.clone(), 3));
        assert_eq!(world.progress(&first)[0], 3);
        let mut state = world.lock();
        (state.sent, state.steps, state.plan, state.recoveries) = Default::default();
    }
}

#[tokio::test]
async fn a_new_destination_gets_what_it_wants_and_has_not_got() {
    let world = World::new();
    let mut new = sample::destination("dst_2");
    new.events = vec![EventKind::Completed].try_into().unwrap();
    new.agents = vec!["a-1".to_owned()].try_into().unwrap();
    world.lock().destinations.push(new);
    let got = world.event(1);
    world.record(&got, "dst_1", Delivered);
    let mut other = world.event(2);
    other.kind = EventKind::Failed;
    let mut foreign = world.event(3);
    foreign.payload = r#"{"agent_id":"a-2"}"#.into();
    world.lock().events[1] = other;
    world.lock().events[2] = foreign;
    let test = world.event(4);
    world.note(
        &Delivery { trigger: Trigger::Test, ..delivery(&test, &sample::destination("dst_1")) },
        Delivered,
    );
    let begun = world.event(5);
    world.record(&begun, "dst_2", Pending);
    let old = world.event(1_000);
    let to = DestinationId::parse("dst_2").unwrap();
    let since = Timestamp::from_millis(NOW.as_millis() - 100_000);
    let id = world.start(1, Request { destination_id: Some(to.clone()), since, ..missing() }).await;
    world.run(Delivered).await;
    assert_eq!((world.progress(&id), world.sent()), ([1, 1, 1, 0], vec!["c-1".to_owned()]));
    // It is what fan-out would have made.
    let made = world.lock().sent[0].delivery();
    assert_eq!((made.id, made.trigger), (DeliveryId::of(&got.id, &to), Trigger::Lifecycle));
    assert_eq!(made.created_at, got.accepted_at);

    // Without a destination, each that is enabled is looked at.
    let mut disabled = sample::destination("dst_3");
    disabled.status = DestinationStatus::Disabled;
    world.lock().destinations.push(disabled);
    world.lock().sent.clear();
    let all = world.start(2, missing()).await;
    world.run(Delivered).await;
    // At dst_1: c-2, c-3, c-5 and the old one; at dst_2: the old one.
    assert_eq!(world.progress(&all), [5, 5, 5, 0]);
    assert_eq!(world.sent()[0], old.conversation_id.unwrap().as_str());
}

#[tokio::test]
async fn a_dry_run_finds_what_is_sent_and_sends_nothing() {
    let world = World::new();
    for (ago, status) in [(1, Exhausted), (2, Skipped), (3, Delivered), (4, Pending)] {
        let event = world.event(ago);
        world.record(&event, "dst_1", status);
    }
    let dry = world.start(1, Request { dry_run: true, ..failed() }).await;
    world.run(Delivered).await;
    assert_eq!((world.shown(&dry).state, world.progress(&dry)), (State::Done, [2, 0, 0, 0]));
    assert!(world.lock().plan.is_empty());
    let skipped = world.start(2, Request { status: Some(Skipped), ..failed() }).await;
    world.run(Exhausted).await;
    assert_eq!((world.progress(&skipped), world.sent()), ([1, 1, 0, 1], vec!["c-2".to_owned()]));

    // What is disabled can be asked, and gets nothing.
    world.lock().destinations[0].status = DestinationStatus::Disabled;
    let one = Some(DestinationId::parse("dst_1").unwrap());
    let dry = world.start(3, Request { destination_id: one.clone(), dry_run: true, ..failed() }).await;
    world.run(Delivered).await;
    assert_eq!(world.progress(&dry)[0], 2);
    let request = Request { destination_id: one, ..failed() };
    let refused =
        world.requests().start(&sample::account(), RecoveryId::new([4; 12]), request).await.unwrap();
    assert_eq!(refused, Err(NoDestination::Disabled));
}

#[tokio::test]
async fn what_was_delivered_or_deleted_before_its_turn_is_not_sent() {
    let world = World::new();
    world.record_failures(3);
    let id = world.start(1, failed()).await;
    world.step().await;
    assert_eq!(world.progress(&id), [3, 0, 0, 0]);
    let made_good = world.lock().log[0].delivery.clone();
    let again = made_good.id.resend_id("by hand").unwrap();
    let now = world.clock.now();
    world.note(&Delivery { id: again, trigger: Trigger::Resend, created_at: now, ..made_good }, Delivered);
    let forgotten = world.lock().events.remove(1).id;
    world.lock().log.retain(|one| one.delivery.id.event_id().as_ref() != Some(&forgotten));
    world.run(Delivered).await;
    assert_eq!(world.sent(), ["c-3"]);
    assert_eq!((world.shown(&id).state, world.progress(&id)), (State::Done, [3, 3, 2, 1]));
}

#[tokio::test]
async fn a_stop_ends_it_after_the_step_that_is_being_taken() {
    let world = World::new();
    world.record_failures(100);
    let id = world.start(1, failed()).await;
    world.step().await;
    world.step().await;
    assert!(world.requests().stop(&sample::account(), &id).await.unwrap());
    world.run(Delivered).await;
    assert_eq!((world.shown(&id).state, world.sent().len()), (State::Stopped, 50));
    assert!(world.requests().stop(&sample::account(), &id).await.unwrap());
    assert!(!world.requests().stop(&sample::account(), &RecoveryId::new([9; 12])).await.unwrap());
}

#[tokio::test]
async fn it_waits_for_what_has_not_ended_longer_and_longer() {
    let world = World::new();
    let event = world.event(1);
    world.record(&event, "dst_1", Exhausted);
    let id = world.start(1, failed()).await;
    let mut waits = Vec::new();
    for _ in 0..13 {
        world.step().await;
        waits.extend(world.lock().steps.iter().map(|one| one.wait.duration().as_secs()));
    }
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    assert_eq!((world.shown(&id).state, world.progress(&id)), (State::Waiting, [1, 1, 0, 0]));
    world.run(Exhausted).await;
    assert_eq!((world.shown(&id).state, world.progress(&id)), (State::Done, [1, 1, 0, 1]));
}
