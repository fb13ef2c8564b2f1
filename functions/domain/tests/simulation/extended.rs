//! Extended retries: eleven attempts over two days, which wait as copies of their messages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use checker::history::History;
use domain::delivery::history::Entry;
use domain::delivery::outcome::OutcomeClass;
use domain::delivery::record::DeliveryStatus;
use domain::delivery::schedule::EXTENDED_WAITS;
use domain::delivery::state::DeliveryState;
use domain::shared::clock::Clock;

use crate::faults::{Fault, Point};
use crate::queue::Source;
use crate::sink::Answer;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn world() -> World {
    let mut world = World::calm(19);
    world.extended = 1.0;
    world
}

/// Runs until the last retry is over, and asserts that every promise was kept.
fn run(world: &Arc<World>) -> History {
    let history = world.run_for(80 * HOUR);
    let mut breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
    breaches.extend(world.unsettled());
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    history
}

fn statuses(history: &History) -> Vec<DeliveryStatus> {
    history.records.values().map(|records| DeliveryState::of(records).unwrap().status).collect()
}

#[test]
fn eleven_failures_exhaust_an_extended_delivery_and_each_wait_counts_from_the_end_before() {
    let world = Arc::new(world());
    world.destination_that(0, &[Answer::Status(500, 50); 20]);
    world.end_conversation(Duration::ZERO);
    let history = run(&world);
    assert_eq!(statuses(&history), [DeliveryStatus::Exhausted]);
    let requests = &history.requests;
    assert_eq!(requests.iter().map(|request| request.attempt).collect::<Vec<_>>(), Vec::from_iter(1..=11));
    for (pair, wait) in requests[3..].windows(2).zip(EXTENDED_WAITS) {
        let waited = pair[1].at.since(pair[0].ended_at);
        assert!((wait..wait + Duration::from_secs(5)).contains(&waited), "{wait:?} {waited:?}");
    }
    assert_eq!(world.queues.dead_letters(), 0);
}

#[test]
fn an_outage_of_a_day_loses_nothing() {
    let world = Arc::new(world());
    world.destination_that(0, &[]);
    world.destination_that(1, &[]);
    world.sink.fail_until(world.time.now() + 24 * HOUR);
    for event in 0..48 {
        world.end_conversation(event * HOUR / 2);
    }
    let history = run(&world);
    assert_eq!(statuses(&history), [DeliveryStatus::Delivered; 2 * 48]);
    let most = history.records.values().map(Vec::len).max();
    assert_eq!(most, Some(11), "the first ones need the last attempt");
}

/// All wait for the eighth attempt at one time. It is two hours after the seventh, which nine hops bridge.
#[test]
fn ten_thousand_that_wait_for_hours_are_never_a_thousand_in_flight() {
    const EVENTS: usize = 10_000;
    let mut world = world();
    world.workers = 20;
    let world = Arc::new(world);
    world.destination_that(0, &[]);
    world.sink.fail_until(world.time.now() + Duration::from_secs(9_000));
    for event in 0..EVENTS {
        world.end_conversation(Duration::from_secs(2) * u32::try_from(event / 10).unwrap());
    }
    let attempts = Arc::new(Mutex::new(Vec::new()));
    for second in [4_300, 9_300] {
        let (observer, attempts) = (Arc::clone(&world), Arc::clone(&attempts));
        let note = move || attempts.lock().unwrap().push(observer.sink.requests().len());
        world.time.after(Duration::from_secs(second), note);
    }
    assert_eq!(statuses(&run(&world)), [DeliveryStatus::Delivered; EVENTS]);
    assert_eq!(*attempts.lock().unwrap(), [7 * EVENTS; 2], "all wait for the eighth attempt");
    let most = world.queues.most_in_flight(Source::Deliveries);
    assert!((100..1_000).contains(&most), "{most} in flight");
    assert!(world.queues.received() > 15 * EVENTS, "{} receives", world.queues.received());
}

/// Two copies of one delivery hop side by side: the claim lets one of them make the attempt.
#[test]
fn a_copy_whose_original_was_not_deleted_changes_nothing() {
    for point in [0, 1, 3, 5, 8, 13] {
        let world = Arc::new(world());
        world.destination_that(0, &[Answer::Status(500, 50); 20]);
        world.faults.force_after(point, Point::Delete, Fault::Resurrected);
        world.end_conversation(Duration::ZERO);
        assert_eq!(run(&world).requests.len(), 11, "{point}");
    }
}

/// An attempt whose worker died is `unknown`, and the delivery goes on.
#[test]
fn a_worker_that_dies_in_a_late_attempt_uses_one_number() {
    let world = Arc::new(world());
    world.destination_that(0, &[Answer::Status(500, 50); 20]);
    world.faults.force_after(6, Point::Complete, Fault::KilledBefore);
    world.end_conversation(Duration::ZERO);
    let history = run(&world);
    let records = history.records.values().next().unwrap();
    let unknown = |entry: &Entry| matches!(entry, Entry::Attempted(attempted) if attempted.outcome.class == OutcomeClass::Unknown);
    assert_eq!((records.len(), records.iter().filter(|record| unknown(&record.entry)).count()), (11, 1));
}
