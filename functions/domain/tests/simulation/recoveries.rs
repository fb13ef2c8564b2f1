//! Recoveries: whatever fails, what a dry run counts is sent, once, and nothing of it is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::delivery::record::{Delivery, DeliveryStatus};
use domain::delivery::state::DeliveryState;
use domain::redelivery::recovery::{Include, Progress, Request, State};
use domain::redelivery::request_recovery::RequestRecovery;
use domain::shared::ids::{DeliveryId, RecoveryId};
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::sample;

use crate::faults::{Fault, Point};
use crate::sink::Answer;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Recoveries by their numbers.
const DRY_RUN: u8 = 1;
const FIRST: u8 = 2;
const SECOND: u8 = 3;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn id(number: u8) -> RecoveryId {
    RecoveryId::new([number; 12])
}

/// Everything that failed or is missing.
fn request(per_second: u16, dry_run: bool) -> Request {
    Request {
        destination_id: None,
        since: Timestamp::from_millis(0),
        until: Timestamp::from_millis(u64::MAX),
        event: None,
        status: None,
        include: vec![Include::Failed, Include::Missing],
        per_second,
        dry_run,
    }
}

impl World {
    /// A customer requests a recovery after this time, until that is accepted.
    fn recover(self: &Arc<Self>, number: u8, request: Request, after: Duration) {
        let world = Arc::clone(self);
        self.time.spawn(async move {
            world.time.sleep(after).await;
            loop {
                let (ports, life, clock) = world.invocation_of_ingest();
                let requests = RequestRecovery::new(ports.clone(), ports.clone(), ports, clock);
                let account = sample::account();
                let starting = requests.start(&account, id(number), request.clone());
                if matches!(world.in_time(life, starting).await, Some(Ok(_))) {
                    return;
                }
                world.time.sleep(world.randomness.millis(100, 10_000)).await;
            }
        });
    }

    /// The state of a recovery, and what it has found, queued, delivered and failed to deliver.
    fn recovery(&self, number: u8) -> (State, [usize; 4]) {
        let log = self.log.state();
        let recovery = &log.recoveries[&id(number)];
        let Progress { found, queued, delivered, failed } = recovery.progress;
        (recovery.state, [found, queued, delivered, failed])
    }

    fn deliveries(&self) -> usize {
        self.log.state().deliveries.len()
    }

    fn status_of(&self, delivery: &DeliveryId) -> DeliveryStatus {
        DeliveryState::of(&self.ledger.records_of(delivery)).unwrap().status
    }

    /// What recoveries break: each delivery that they made repeats another, which had failed.
    fn breaches_of_recoveries(&self, numbers: &[u8]) -> Vec<String> {
        let mut breaches = Vec::new();
        for number in numbers {
            let (state, [found, queued, delivered, failed]) = self.recovery(*number);
            let is_whole = *number == DRY_RUN || (queued == found && delivered + failed == queued);
            if state != State::Done || !is_whole {
                breaches.push(format!("recovery {number}: {:?}", self.recovery(*number)));
            }
        }
        let deliveries = self.log.state().deliveries.clone();
        let mut at_destinations: BTreeMap<_, Vec<&Delivery>> = BTreeMap::new();
        for delivery in deliveries.values() {
            let at = (delivery.id.event_id(), &delivery.destination_id);
            at_destinations.entry(at).or_default().push(delivery);
        }
        for ((event, destination), mut left) in at_destinations {
            let mut next = event.map(|event| DeliveryId::of(&event, destination));
            while let Some(index) = left.iter().position(|one| Some(&one.id) == next.as_ref()) {
                let delivery = left.remove(index);
                // The retries of an extended delivery go on beside those of the new one.
                let may_follow = self.status_of(&delivery.id) != DeliveryStatus::Delivered
                    || self.tenant(destination).is_extended();
                if !left.is_empty() && !may_follow {
                    breaches.push(format!("{}: sent again although delivered", delivery.id));
                }
                next = delivery.id.resend_id("recover");
            }
            breaches.extend(left.iter().map(|one| format!("{}: made twice", one.id)));
        }
        breaches
    }
}

/// Asserts that every promise was kept.
fn assert_kept(world: &Arc<World>, span: Duration, numbers: &[u8], of: &str) {
    let history = world.run_for(span);
    let mut breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
    breaches.extend(world.unsettled());
    breaches.extend(world.breaches_of_recoveries(numbers));
    assert!(breaches.is_empty(), "{of}\n{}\n{}", breaches.join("\n"), world.faults.story().join("\n"));
}

/// Two destinations fail for a while, and a third is made then. A dry run follows, and two recoveries at once. Their first
/// calls come after `FROM`.
fn recovered() -> Arc<World> {
    let world = Arc::new(World::calm(19));
    for index in 0..2 {
        world.destination_that(index, &[Answer::Status(500, 50); 4 * EVENTS]);
    }
    for event in 0..EVENTS {
        world.end_conversation(seconds(event as u64));
    }
    let later = Arc::clone(&world);
    world.time.after(seconds(100), move || {
        later.destination_that(2, &[]);
    });
    world.recover(DRY_RUN, request(2, true), FROM);
    world.recover(FIRST, request(2, false), FROM + seconds(600));
    world.recover(SECOND, request(3, false), FROM + seconds(601));
    world
}

const EVENTS: usize = 3;
const FROM: Duration = seconds(200);

fn assert_recovered(world: &Arc<World>, of: &str) {
    assert_kept(world, 10 * HOUR, &[DRY_RUN, FIRST, SECOND], of);
    assert_eq!(world.recovery(DRY_RUN).1, [3 * EVENTS, 0, 0, 0], "{of}");
    assert_eq!(world.deliveries(), 2 * EVENTS + 3 * EVENTS, "{of}: what the dry run counts was made, once");
    let deliveries = world.log.state().deliveries.clone();
    let is_made_good = |id: &DeliveryId| deliveries.contains_key(&id.resend_id("recover").unwrap());
    let mut left = deliveries.keys().filter(|id| !is_made_good(id));
    assert!(left.all(|id| world.status_of(id) == DeliveryStatus::Delivered), "{of}: the others arrived");
}

#[test]
fn row_56_a_recovery_sends_what_a_dry_run_counts_once_whoever_dies_at_which_step() {
    let faults =
        [Fault::KilledBefore, Fault::KilledAfter, Fault::LostAnswer, Fault::LateWrite, Fault::Refused];
    let writes = [Point::Recovery, Point::SendEvent, Point::SendDeliveries];
    let writes = writes.into_iter().flat_map(|point| faults.map(|fault| (point, fault)));
    let reads = [Point::Log, Point::Destinations].map(|point| (point, Fault::KilledBefore));
    let queue = [(Point::Receive, Fault::Duplicate), (Point::Delete, Fault::Resurrected)];
    for (point, fault) in writes.chain(reads).chain(queue) {
        let mut after = 0;
        loop {
            let world = recovered();
            let later = Arc::clone(&world);
            world.time.after(FROM, move || later.faults.force_after(after, point, fault));
            assert_recovered(&world, &format!("{point:?} {fault:?} {after}"));
            if !world.faults.outstanding().is_empty() {
                break; // there are no more such calls
            }
            after += 1;
        }
        assert!(after > 1, "{point:?} {fault:?}: {after} calls");
    }
}

/// Every fault at once, and again when the recoveries come.
#[test]
fn row_56_in_any_world_what_a_dry_run_counts_is_what_is_sent() {
    let (mut found, mut twice) = (0, 0);
    for seed in 0..60 {
        let world = World::of_seed_with(seed, |_| {});
        for _ in 0..world.randomness.below(8) {
            world.end_conversation(world.randomness.log_uniform(seconds(300)));
        }
        let has_two = world.randomness.chance(0.3);
        let counted = Arc::new(Mutex::new(0));
        let (later, before) = (Arc::clone(&world), Arc::clone(&counted));
        // By then all has ended.
        world.time.spawn(async move {
            later.time.sleep(100 * HOUR).await;
            later.sink.heal();
            later.faults.go_on(later.randomness.millis(60_000, 1_200_000));
            *before.lock().unwrap() = later.deliveries();
            later.recover(DRY_RUN, request(1, true), Duration::ZERO);
            while later.log.state().recoveries.get(&id(DRY_RUN)).is_none_or(|one| !one.is_over()) {
                later.time.sleep(seconds(1)).await;
            }
            let per_second = 1 + later.randomness.below(10) as u16;
            later.recover(FIRST, request(per_second, false), Duration::ZERO);
            if has_two {
                let after = later.randomness.log_uniform(seconds(600));
                later.recover(SECOND, request(per_second, false), after);
            }
        });
        let all = [DRY_RUN, FIRST, SECOND];
        assert_kept(&world, 300 * HOUR, &all[..if has_two { 3 } else { 2 }], &format!("seed {seed}"));
        let (_, [dry, ..]) = world.recovery(DRY_RUN);
        let (_, [first, ..]) = world.recovery(FIRST);
        let made = world.deliveries() - *counted.lock().unwrap();
        // The second may have been faster, or repeat what failed again meanwhile.
        let is_right = if has_two { made >= dry } else { (first, made) == (dry, dry) };
        assert!(is_right, "seed {seed}: {dry} counted, {first} found, {made} made");
        (found, twice) = (found + dry, twice + usize::from(has_two && dry > 0));
    }
    assert!(found > 100 && twice > 5, "{found} found, {twice} times by two");
}
