//! Rows of the fault matrix, each forced by a test.

use std::sync::Arc;
use std::time::Duration;

use checker::history::History;
use domain::delivery::message::{DeliveryMessage, Message};
use domain::delivery::outcome::OutcomeClass::{HttpError, Success, Timeout, Unknown};
use domain::delivery::record::DeliveryStatus;
use domain::shared::clock::Clock;

use crate::faults::{Fault, KEY, Point, TABLES};
use crate::queue::Source;
use crate::scene::Scene;
use crate::sink::Answer::{self, Never, Status};
use crate::world::World;

const OK: Answer = Status(200, 50);
const ERROR: Answer = Status(500, 50);
const ALWAYS_OK: &[Answer] = &[];

#[test]
fn row_1_a_success_is_one_request_and_one_record() {
    let mut world = World::calm(1);
    world.is_idle = true;
    let ending = Scene::in_world(world, &[&[OK]]).play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Success], vec![1]));
}

#[test]
fn row_2_a_failure_is_followed_by_a_second_attempt() {
    let mut world = World::calm(1);
    world.is_idle = true;
    let ending = Scene::in_world(world, &[&[ERROR, OK]]).play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![HttpError, Success], vec![1, 2]));
}

#[test]
fn row_3_four_failures_exhaust_a_delivery_and_it_leaves_no_dead_letter() {
    let mut world = World::calm(1);
    world.is_idle = true;
    let ending = Scene::in_world(world, &[&[ERROR; 9]]).play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![HttpError; 4], vec![1, 2, 3, 4]));
    assert_eq!(ending.status(0), DeliveryStatus::Exhausted);
    assert_eq!(ending.dead_letters, 0);
}

#[test]
fn row_4_a_destination_that_hangs_uses_its_attempts_up_and_nobody_elses() {
    let ending = Scene::of(&[&[Never; 9], &[]]).play();
    assert_eq!((ending.outcomes(0), ending.outcomes(1)), (vec![Timeout; 4], vec![Success]));
}

#[test]
fn row_21_killed_before_the_claim_it_sends_as_if_nothing_had_been() {
    let ending = Scene::of(&[&[]]).with(0, Point::Claim, Fault::KilledBefore).play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Success], vec![1]));
}

#[test]
fn row_22_killed_after_the_claim_before_the_request_the_record_is_unknown() {
    for (at, fault) in [(Point::Claim, Fault::KilledAfter), (Point::Request, Fault::KilledBefore)] {
        let ending = Scene::of(&[&[]]).with(0, at, fault).play();
        assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Unknown, Success], vec![2]), "{at:?}");
    }
}

#[test]
fn row_23_killed_after_the_request_the_next_one_has_another_number() {
    for (at, fault) in [(Point::Request, Fault::KilledAfter), (Point::Complete, Fault::KilledBefore)] {
        let ending = Scene::of(&[&[]]).with(0, at, fault).play();
        assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Unknown, Success], vec![1, 2]), "{at:?}");
    }
}

#[test]
fn row_24_killed_after_the_record_is_complete_a_success_is_not_sent_again() {
    let ending = Scene::of(&[&[]]).with(0, Point::Complete, Fault::KilledAfter).play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Success], vec![1]));
}

#[test]
fn row_25_killed_in_the_middle_of_a_batch_what_was_done_is_done() {
    let scripts: Vec<[Answer; 1]> = (1..=10).map(|index| [Status(200, 100 * index)]).collect();
    let scripts: Vec<&[Answer]> = scripts.iter().map(|script| &script[..]).collect();
    let ending = Scene::of(&scripts).with(4, Point::Complete, Fault::KilledAfter).play();
    let requests: Vec<_> = (0..10).map(|index| ending.requests(index).len()).collect();
    assert_eq!(requests, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
}

#[test]
fn row_27_a_panic_fails_its_own_item_only() {
    for (fault, seen) in [(Fault::Panic, vec![2]), (Fault::PanicAfterRequest, vec![1, 2])] {
        let ending = Scene::of(&[&[], &[], &[]]).with(1, Point::Request, fault).play();
        let mut outcomes = [0, 1, 2].map(|index| ending.outcomes(index));
        outcomes.sort_by_key(Vec::len);
        assert_eq!(outcomes, [vec![Success], vec![Success], vec![Unknown, Success]]);
        assert!([0, 1, 2].iter().any(|index| ending.requests(*index) == seen), "{fault:?}");
    }
}

#[test]
fn row_28_a_body_that_is_not_ours_ends_alone_as_a_dead_letter() {
    let scene = Scene::of(&[&[], &[]]);
    for (queue, body) in [(Source::Events, "not json"), (Source::Deliveries, ""), (Source::Deliveries, "{}")]
    {
        scene.world.send(queue, "".into(), body.into(), Duration::ZERO);
    }
    let left = scene.play().history.left;
    assert_eq!(left.iter().filter(|left| left.is_dead).count(), 3);
}

#[test]
fn row_29_throttled_invokes_burn_receives_and_no_attempt() {
    let throttled = (1..=4)
        .fold(Scene::of(&[&[ERROR; 9]]), |scene, _| scene.with(1, Point::Invoke, Fault::ThrottledInvoke));
    let ending = throttled.play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![HttpError; 4], vec![1, 2, 3, 4]));
}

#[test]
fn row_30_a_message_at_two_workers_is_sent_once() {
    for seed in 0..20 {
        let scene = Scene::in_world(World::calm(seed), &[&[Status(200, 3000)]]);
        let ending = scene.with(1, Point::Receive, Fault::Duplicate).play();
        assert_eq!(ending.requests(0), [1]);
    }
}

#[test]
fn row_30_a_message_that_comes_back_after_its_deletion_is_not_sent_again() {
    let ending = Scene::of(&[&[]]).with(1, Point::Delete, Fault::Resurrected).play();
    assert_eq!(ending.requests(0), [1]);
}

#[test]
fn row_31_a_fan_out_killed_halfway_makes_each_delivery_once() {
    for at in [Point::Destinations, Point::SendDeliveries] {
        let ending = Scene::of(&[ALWAYS_OK; 12]).with(0, at, Fault::KilledAfter).play();
        assert!((0..12).all(|index| ending.requests(index) == [1]), "{at:?}");
    }
}

#[test]
fn row_32_a_retry_that_cannot_be_postponed_comes_at_the_queues_own_time() {
    let refused =
        (0..3).fold(Scene::of(&[&[ERROR, OK]]), |scene, _| scene.with(0, Point::Postpone, Fault::Refused));
    let ending = refused.play();
    assert_eq!(ending.outcomes(0), [HttpError, Success]);
    let [first, second] = &ending.history.requests[..] else { panic!("{:?}", ending.history.requests) };
    let waited = second.at.since(first.at);
    assert!(waited >= Duration::from_secs(170), "{waited:?}");
}

#[test]
fn row_33_a_batch_that_is_taken_in_part_or_unheard_makes_each_delivery_once() {
    for fault in [Fault::PartlyRefused, Fault::LostAnswer, Fault::LateWrite, Fault::LostRequest] {
        let ending = Scene::of(&[ALWAYS_OK; 12]).with(1, Point::SendDeliveries, fault).play();
        assert!((0..12).all(|index| ending.requests(index) == [1]), "{fault:?}");
    }
}

#[test]
fn row_34_a_queue_that_hands_out_nothing_for_a_while_drains_after() {
    let empty =
        (0..5).fold(Scene::of(&[&[], &[]]), |scene, _| scene.with(0, Point::Receive, Fault::NothingReceived));
    assert_eq!(empty.play().requests(0), [1]);
    let world = World::with_max_in_flight(7, 2);
    let ending = Scene::in_world(world, &[&[ERROR][..]; 6]).play();
    assert!((0..6).all(|index| ending.requests(index) == [1, 2]));
}

#[test]
fn row_35_a_redriven_letter_of_an_exhausted_delivery_is_acknowledged_and_a_stranded_one_completes() {
    let scene = Scene::of(&[&[ERROR; 9]]);
    assert_eq!(scene.play().status(0), DeliveryStatus::Exhausted);
    redrive(&scene);
    assert_eq!(scene.play().requests(0).len(), 4);

    let killed = (0..4).fold(Scene::of(&[&[]]), |scene, _| scene.with(0, Point::Claim, Fault::KilledBefore));
    assert_eq!(killed.play().outcomes(0), [Success]);
}

fn redrive(scene: &Scene) {
    let event = scene.event.clone();
    let delivery = domain::delivery::record::Delivery {
        id: scene.delivery(0),
        destination_id: scene.destinations[0].clone(),
        created_at: scene.world.time.now(),
        ..domain::testing::fakes::sample::delivery()
    };
    assert_eq!(delivery.id.event_id(), Some(event));
    let body = Message::Delivery(DeliveryMessage::from(delivery)).body();
    scene.world.send(Source::Deliveries, "".into(), body.into(), Duration::ZERO);
}

#[test]
fn row_36_a_claim_that_fails_is_not_sent_and_a_completion_that_fails_is_repeated() {
    let claim = (0..3).fold(Scene::of(&[&[]]), |scene, _| scene.with(0, Point::Claim, Fault::Refused)).play();
    assert_eq!((claim.outcomes(0), claim.requests(0)), (vec![Success], vec![1]));
    let complete = Scene::of(&[&[]]).with(0, Point::Complete, Fault::Refused).play();
    assert_eq!((complete.outcomes(0), complete.requests(0)), (vec![Success], vec![1]));
}

#[test]
fn row_36_a_completion_that_never_gets_through_leaves_an_unknown_attempt() {
    let scene = (0..3).fold(Scene::of(&[&[]]), |scene, _| scene.with(0, Point::Complete, Fault::LostRequest));
    let ending = scene.play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Unknown, Success], vec![1, 2]));
}

#[test]
fn row_37_a_write_whose_answer_is_lost_is_recognized() {
    for at in [Point::Claim, Point::Complete] {
        for fault in [Fault::LostAnswer, Fault::LateWrite] {
            let ending = Scene::of(&[&[]]).with(0, at, fault).play();
            assert_eq!(
                (ending.outcomes(0), ending.requests(0)),
                (vec![Success], vec![1]),
                "{at:?} {fault:?}"
            );
        }
    }
}

#[test]
fn row_37_a_claim_that_is_never_heard_of_is_an_unknown_attempt() {
    let scene = (0..3).fold(Scene::of(&[&[]]), |scene, _| scene.with(0, Point::Claim, Fault::LostAnswer));
    let ending = scene.play();
    assert_eq!((ending.outcomes(0), ending.requests(0)), (vec![Unknown, Success], vec![2]));
}

#[test]
fn row_39_a_destination_that_is_gone_ends_its_deliveries_and_one_that_moved_gets_them() {
    for (change, requests, status) in [
        (Fault::Disabled, 1, DeliveryStatus::Cancelled),
        (Fault::Deleted, 1, DeliveryStatus::Cancelled),
        (Fault::Moved, 2, DeliveryStatus::Delivered),
    ] {
        let scene = Scene::of(&[&[ERROR]]);
        let (world, id) = (scene.world.clone(), scene.destinations[0].clone());
        scene.world.time.after(Duration::from_secs(5), move || world.change(&id, change));
        let ending = scene.play();
        assert_eq!((ending.requests(0).len(), ending.status(0)), (requests, status), "{change:?}");
    }
}

/// More messages than the probes of two hours use up, so that most of them wait all the time.
fn destination_that_hangs_for_two_hours(allows_loops: bool) -> (Arc<World>, History) {
    const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);
    let mut world = World::calm(46);
    (world.workers, world.allows_loops) = (20, allows_loops);
    let world = Arc::new(world);
    let id = world.destination_that(0, &[Never; 10_000]);
    for number in 0..3_000 {
        world.end_conversation(Duration::from_millis(20) * number);
    }
    let healing = Arc::clone(&world);
    world.time.after(TWO_HOURS, move || healing.sink.add(&id, &[], None));
    let history = world.run_for(TWO_HOURS + Duration::from_secs(20 * 60));
    (world, history)
}

#[test]
fn row_46_a_destination_that_hangs_for_two_hours_gets_what_waited_within_twenty_minutes() {
    let (world, history) = destination_that_hangs_for_two_hours(true);
    let breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    assert!(history.requests.iter().any(|request| request.answered.is_some()));
    let received = world.queues.received();
    assert!(received < 3_000 * 20, "{received} receives");
}

#[test]
fn row_46_a_chain_that_lambda_stops_loses_deliveries() {
    let (world, history) = destination_that_hangs_for_two_hours(false);
    assert!(!world.breaches(&history).is_empty());
}

#[test]
fn row_47_tables_or_a_key_that_fail_for_half_an_hour_cost_a_few_receives_and_no_delivery() {
    // Before fan-out, and between the attempts.
    for (of, after) in [(TABLES, 0), (KEY, 0), (TABLES, 5), (KEY, 5)] {
        let scene = Scene::of(&[&[ERROR][..]; 20]);
        let world = Arc::clone(&scene.world);
        scene.world.time.after(Duration::from_secs(after), move || world.faults.start_outage(of));
        let ending = scene.play();
        assert!((0..20).all(|index| ending.outcomes(index) == [HttpError, Success]), "{of:?} {after}");
        let (dead, received) = (ending.dead_letters, scene.world.queues.received());
        assert!(received < 20 * 9 && dead == 0, "{of:?} {after}: {received} receives, {dead} dead letters");
    }
}

#[test]
fn row_45_a_worker_whose_clock_is_wrong_by_five_minutes_breaks_no_promise() {
    for seed in 0..50 {
        let ending = wrong_clocks(seed, true).play();
        assert_eq!((ending.requests(0), ending.requests(1)), (vec![1], vec![1, 2]), "{seed}");
    }
}

#[test]
fn row_45_a_worker_that_does_not_set_its_clock_sends_twice() {
    let sends_twice = |seed| wrong_clocks(seed, false).world.run().requests.len() > 3;
    assert!((0..50).any(sends_twice));
}

/// Two deliveries with three requests; each message is delivered to two workers.
fn wrong_clocks(seed: u64, syncs_clocks: bool) -> Scene {
    let mut world = World::calm(seed);
    world.workers = 4;
    world.syncs_clocks = syncs_clocks;
    world.sandbox_clocks = [0, 300_000, -300_000].map(|off_by| world.clock_off_by(off_by)).into();
    world.faults.note(Fault::WrongClock, || "five minutes".to_owned());
    let scene = Scene::in_world(world, &[&[Status(200, 8000)], &[ERROR, Status(200, 8000)]]);
    [1, 0].into_iter().fold(scene, |scene, passed| scene.with(passed, Point::Receive, Fault::Duplicate))
}
