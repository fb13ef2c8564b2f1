//! The health of destinations: after any faults the state is what the ends of deliveries say, and each change has one
//! notice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use checker::history::Request;
use domain::delivery::monitor::end_of;
use domain::destination::health::{EndResult, FAILURES_UNTIL_FAILING, Health, HealthState};
use domain::destination::record::Destination;
use domain::event::kind::EventKind;
use domain::event::message::NoticeMessage;
use domain::event::store::StoredEvent;
use domain::shared::clock::Clock;
use domain::shared::ids::{ConversationId, DeliveryId, DestinationId, EventId};
use domain::testing::fakes::sample;

use crate::faults::{Fault, Point};
use crate::sink::Answer;
use crate::tenants::url;
use crate::world::World;

/// Conversations in a random world: enough for a destination to fail, recover and fail again.
const CONVERSATIONS: usize = 25;

/// A success that began so long after the last failure ended has read it.
const MARGIN: Duration = Duration::from_secs(120);

/// The notices that were told, and those whose change was written.
#[derive(Default)]
pub(crate) struct Notices {
    told: BTreeSet<EventId>,
    changed: BTreeSet<EventId>,
}

/// The requests that carry the events of conversations.
pub(crate) fn without_notices(requests: Vec<Request>, events: &[(ConversationId, EventId)]) -> Vec<Request> {
    let events: BTreeSet<_> = events.iter().map(|(_, event)| event).collect();
    let is_events = |request: &Request| request.delivery.event_id().is_some_and(|id| events.contains(&id));
    requests.into_iter().filter(is_events).collect()
}

impl World {
    /// Adds a destination that wants notices alone.
    fn listener(&self) -> DestinationId {
        let events = vec![
            EventKind::DestinationFailing,
            EventKind::DestinationRecovered,
            EventKind::DestinationDisabled,
        ];
        let plain = sample::destination("dst_listener");
        let id = plain.id.clone();
        self.tenants.put(Destination { events: events.try_into().unwrap(), url: url("here", &id), ..plain });
        self.sink.add(&id, &[], None);
        id
    }

    pub(crate) fn note_notice(&self, message: &NoticeMessage) {
        self.state().notices.told.insert(message.event_id());
    }

    pub(crate) fn note_health(&self, of: &DestinationId, health: &Health) {
        let id = |change: &domain::destination::health::Change| {
            EventId::of_notice(&sample::account(), of, change.kind.as_ref(), change.since)
        };
        self.state().notices.changed.extend(health.changes.iter().map(id));
    }

    /// The notices of which requests were made.
    fn notices_sent(&self) -> usize {
        let state = self.state();
        let is_notice =
            |id: &DeliveryId| id.event_id().is_some_and(|event| state.notices.changed.contains(&event));
        let sent: BTreeSet<_> = self.sink.requests().into_iter().map(|request| request.delivery).collect();
        sent.into_iter().filter(is_notice).count()
    }

    /// What the notices and the states break.
    fn breaches_of_health(&self, listener: &DestinationId) -> Vec<String> {
        let told = self.state().notices.told.clone();
        let changed = self.state().notices.changed.clone();
        let mut breaches = Vec::new();
        for id in &changed {
            let is_event = matches!(self.tenants.events().get(id), StoredEvent::Kept { .. });
            if !is_event || self.ledger.records_of(&DeliveryId::of(id, listener)).is_empty() {
                breaches.push(format!("{id}: a change without a notice"));
            }
        }
        for id in told.difference(&changed) {
            if !matches!(self.tenants.events().get(id), StoredEvent::Absent) {
                breaches.push(format!("{id}: a notice of what never was"));
            }
        }
        if self.tenants.health_of(listener).is_some_and(|health| !health.changes.is_empty()) {
            breaches.push("a notice of a notice".to_owned());
        }
        let destinations: Vec<_> = self.state().destinations.keys().cloned().collect();
        for destination in destinations {
            if let Some(health) = self.tenants.health_of(&destination) {
                breaches.extend(self.breach_of_state(&destination, &health));
            }
        }
        breaches
    }

    fn breach_of_state(&self, destination: &DestinationId, health: &Health) -> Option<String> {
        let mut ends = Vec::new();
        for (_, event) in self.events() {
            let id = DeliveryId::of(&event, destination);
            let (records, delivery) = (self.ledger.records_of(&id), sample::delivery());
            let delivery = domain::delivery::record::Delivery { id, ..delivery };
            let began = records.last().map(|record| record.at);
            ends.extend(end_of(&delivery, self.tenant(destination).retry, &records).zip(began));
        }
        let failures: Vec<_> = ends.iter().filter(|(end, _)| end.result != EndResult::Delivered).collect();
        let last = failures.iter().map(|(end, _)| end.at).max();
        let is_recovered = ends.iter().any(|(end, began)| {
            end.result == EndResult::Delivered && last.is_none_or(|last| *began > last + MARGIN)
        });
        let expected = match health.state {
            HealthState::Disabled => return None,
            HealthState::Failing => !is_recovered && failures.len() >= FAILURES_UNTIL_FAILING,
            // Nothing but failures, and enough of them.
            HealthState::Healthy => failures.len() < ends.len() || failures.len() < FAILURES_UNTIL_FAILING,
        };
        (!expected).then(|| format!("{destination}: {health:?} after {ends:?}"))
    }
}

fn assert_well(world: &Arc<World>, listener: &DestinationId, seed: u64) {
    let history = world.run();
    let mut breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
    breaches.extend(world.breaches_of_health(listener));
    assert!(breaches.is_empty(), "seed {seed}\n{}\n{}", breaches.join("\n"), world.faults.story().join("\n"));
}

/// Every fault at once, and destinations that fail for a while. A destination whose owner switches it has the health that
/// the owner gave it, which the checks allow.
#[test]
fn in_any_world_the_state_is_what_the_ends_say_and_a_change_has_one_notice() {
    let (mut changed, mut phantoms) = (0, 0);
    for seed in 0..50 {
        let world = World::of_seed_with(seed, |world| {
            let minutes = Duration::from_secs(10 * 60);
            world.disable_after = world.randomness.chance(0.3).then_some(minutes);
        });
        let listener = world.listener();
        for _ in 0..CONVERSATIONS {
            world.end_conversation(world.randomness.log_uniform(Duration::from_secs(3600)));
        }
        if world.randomness.chance(0.5) {
            world.sink.fail_until(world.time.now() + world.randomness.log_uniform(Duration::from_secs(2400)));
        }
        assert_well(&world, &listener, seed);
        let state = world.state();
        changed += state.notices.changed.len();
        phantoms += state.notices.told.difference(&state.notices.changed).count();
    }
    assert!(changed > 30 && phantoms > 0, "{changed} changes, {phantoms} told and not written");
}

/// A world in which five deliveries fail, and the sixth succeeds a while later.
fn five_failures(prepare: impl FnOnce(&World)) -> (Arc<World>, DestinationId, DestinationId) {
    let world = Arc::new(World::calm(7));
    let listener = world.listener();
    let id = world.destination_that(0, &[Answer::Status(500, 50); 20]);
    for second in 0..5 {
        world.end_conversation(Duration::from_secs(second));
    }
    world.end_conversation(Duration::from_secs(600));
    prepare(&world);
    (world, id, listener)
}

#[test]
fn five_failures_and_a_success_are_two_notices_whoever_dies_at_which_step() {
    let points = [Point::Health, Point::SendEvent, Point::Event, Point::SendDeliveries, Point::Complete];
    let faults =
        [Fault::KilledBefore, Fault::KilledAfter, Fault::LostAnswer, Fault::LateWrite, Fault::Refused];
    for point in points {
        for fault in faults {
            for after in 0..8 {
                let (world, id, listener) =
                    five_failures(|world| world.faults.force_after(after, point, fault));
                assert_well(&world, &listener, 7);
                let health = world.tenants.health_of(&id).unwrap();
                let kinds: Vec<_> = health.changes.iter().map(|change| change.kind).collect();
                let expected = [EventKind::DestinationFailing, EventKind::DestinationRecovered];
                assert_eq!(kinds, expected, "{point:?} {fault:?} {after}");
                assert_eq!(world.notices_sent(), 2, "{point:?} {fault:?} {after}");
            }
        }
    }
}

/// Its health was read before the others failed, and a success soon after another is not written.
#[test]
fn a_slow_success_heals_a_destination_that_was_found_failing_meanwhile() {
    let world = Arc::new(World::calm(7));
    let listener = world.listener();
    let (ok, error, slow) = (Answer::Status(200, 50), Answer::Status(500, 50), Answer::Status(200, 5_000));
    let script = [vec![ok], vec![error; 15], vec![slow], vec![error; 5]].concat();
    let id = world.destination_that(0, &script);
    for second in [0, 10, 10, 10, 10, 10, 38] {
        world.end_conversation(Duration::from_secs(second));
    }
    assert_well(&world, &listener, 7);
    let health = world.tenants.health_of(&id).unwrap();
    let kinds: Vec<_> = health.changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [EventKind::DestinationFailing, EventKind::DestinationRecovered]);
}

#[test]
fn gone_disables_a_destination_and_what_comes_later_is_skipped() {
    let mut world = World::calm(8);
    world.extended = 1.0;
    let world = Arc::new(world);
    let listener = world.listener();
    let id = world.destination_that(0, &[Answer::Status(410, 50)]);
    world.end_conversation(Duration::ZERO);
    world.end_conversation(Duration::from_secs(60));
    assert_well(&world, &listener, 8);
    assert_eq!(world.tenants.health_of(&id).unwrap().state, HealthState::Disabled);
    assert_eq!((world.sink.requests().len(), world.notices_sent()), (2, 1));
}
