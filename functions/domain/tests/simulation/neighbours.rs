//! Row 44: what a destination that answers no message costs the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use checker::history::Request;
use domain::shared::clock::Clock;
use domain::shared::ids::DeliveryId;

use crate::search::variable;
use crate::sink::Answer;
use crate::world::World;

/// Conversations that end one after another, each for every destination.
#[derive(Clone, Copy)]
struct Traffic {
    /// Events before the first destination hangs.
    healthy: usize,
    events: usize,
    every: Duration,
    destinations: usize,
    /// What the first destination does from then on.
    hanging: Answer,
    /// `MaximumConcurrency`.
    workers: usize,
    /// Whether the number of workers grows as slowly as Lambda's.
    scales: bool,
    is_fair: bool,
    has_breakers: bool,
}

impl Traffic {
    /// Returns the delays from acceptance to the first request at every destination but the first, in order of
    /// acceptance. The first destination hangs if `hangs` is set.
    fn delays(self, hangs: bool) -> Vec<Duration> {
        let mut world = World::calm(44);
        (world.workers, world.scales) = (self.workers, self.scales);
        (world.queues.is_fair, world.has_breakers) = (self.is_fair, self.has_breakers);
        let world = Arc::new(world);
        let hanging = if hangs { self.events * 4 } else { 0 };
        let mut script = vec![Answer::Status(200, 0); self.healthy];
        script.resize(self.healthy + hanging, self.hanging);
        world.destination_that(0, &script);
        let others: Vec<_> = (1..self.destinations).map(|index| world.destination_that(index, &[])).collect();
        let mut ends = Duration::ZERO;
        let mut accepted = BTreeMap::new();
        for number in 0..self.healthy + self.events {
            let (event, at) = (world.end_conversation(ends), world.time.now() + ends);
            if number >= self.healthy {
                accepted.extend(others.iter().map(|other| (DeliveryId::of(&event, other), at)));
            }
            ends += self.every;
        }
        let history = world.run();
        let breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
        assert!(breaches.is_empty(), "{}", breaches.join("\n"));
        let hung = history.requests.iter().filter(|request| request.answered.is_none()).count();
        assert_eq!(hung, if let Answer::Never = self.hanging { hanging } else { 0 });
        let firsts = history.requests.iter().filter(|request| request.attempt == 1);
        let delays = firsts.filter_map(|request| {
            let at = *accepted.get(&request.delivery)?;
            Some((at, request.at.since(at)))
        });
        let mut delays: Vec<_> = delays.collect();
        assert_eq!(delays.len(), accepted.len());
        delays.sort_unstable();
        delays.into_iter().map(|(_, delay)| delay).collect()
    }

    /// Returns the number of deliveries to the healthy destinations in the first minute.
    fn in_its_first_minute(self) -> usize {
        let events = Duration::from_secs(60).as_millis() / self.every.as_millis();
        usize::try_from(events).unwrap() * (self.destinations - 1)
    }

    /// Asserts that in the last quarter the others wait less than twice as long as usual, and only with breakers.
    fn is_served_again_by_breakers_alone(self) {
        let last_quarter = |traffic: Self, hangs| {
            let delays = traffic.delays(hangs);
            median_and_p99(&delays[delays.len() * 3 / 4..])[1]
        };
        let health = last_quarter(self, false);
        let [with, without] =
            [true, false].map(|has_breakers| last_quarter(Self { has_breakers, ..self }, true));
        assert!(with < health * 2 && without > health * 2, "{health:?} {with:?} {without:?}");
    }

    fn p99(self, hangs: bool) -> Duration {
        median_and_p99(&self.delays(hangs))[1]
    }
}

fn median_and_p99(delays: &[Duration]) -> [Duration; 2] {
    let mut delays = delays.to_vec();
    delays.sort_unstable();
    [50, 99].map(|of_hundred| delays[delays.len() * of_hundred / 100])
}

/// Two deliveries a second hang. Without circuit breakers, their four attempts of ten seconds would occupy eighty
/// workers.
const SMALL: Traffic = Traffic {
    healthy: 0,
    events: 120,
    every: Duration::from_millis(500),
    destinations: 20,
    hanging: Answer::Never,
    workers: 100,
    scales: false,
    is_fair: true,
    has_breakers: true,
};

#[test]
fn row_44_neighbours_of_a_destination_that_hangs_wait_less_than_twice_as_long() {
    let [health, beside] = [false, true].map(|hangs| SMALL.p99(hangs));
    assert!(beside < health * 2, "{health:?} {beside:?}");
}

/// Shows that the test above can fail, and that fair queues help.
#[test]
fn row_44_too_few_workers_wait_with_the_one_that_hangs_and_fair_queues_make_that_bearable() {
    let few = Traffic { workers: 20, ..SMALL };
    let health = few.p99(false);
    let [fair, unfair] = [true, false].map(|is_fair| Traffic { is_fair, ..few }.p99(true));
    assert!(fair > health * 2 && unfair > fair * 2, "{health:?} {fair:?} {unfair:?}");
}

/// Half of the workers that the destination would occupy without circuit breakers, once these are open.
#[test]
fn row_44_a_destination_that_hangs_is_tried_less_often_and_its_neighbours_are_served_again() {
    let few = Traffic { workers: 40, events: 480, ..SMALL };
    few.is_served_again_by_breakers_alone();
}

/// The commonest way to be down. Each attempt holds a worker for the three seconds of the connect limit.
#[test]
fn row_44_a_destination_that_drops_every_connection_is_tried_less_often_and_its_neighbours_are_served_again()
{
    let few = Traffic { workers: 14, events: 480, hanging: Answer::Dropped, ..SMALL };
    few.is_served_again_by_breakers_alone();
}

/// Ends forty conversations a second for a minute, for one destination. Returns each request and its delay after
/// acceptance.
fn busy(script: &[Answer]) -> Vec<(Request, Duration)> {
    let mut world = World::calm(44);
    world.workers = 100;
    let world = Arc::new(world);
    world.destination_that(0, script);
    let accepted: BTreeMap<_, _> = (0..2_400)
        .map(|number| {
            let after = Duration::from_millis(25) * number;
            (world.end_conversation(after), world.time.now() + after)
        })
        .collect();
    let history = world.run();
    assert!(world.breaches(&history).is_empty());
    let delay = |request: &Request| request.at.since(accepted[&request.delivery.event_id().unwrap()]);
    history.requests.into_iter().map(|request| (request.clone(), delay(&request))).collect()
}

/// It hangs until each worker's breaker is open.
#[test]
fn a_destination_that_hung_for_a_moment_has_caught_up_within_a_minute() {
    let requests = busy(&vec![Answer::Never; 400]);
    let answered = requests.iter().filter(|(request, _)| request.answered.is_some());
    let latest = answered.map(|(_, delay)| *delay).max().unwrap();
    assert!(latest < Duration::from_secs(60), "{latest:?}");
}

/// It answers most requests, so no breaker opens.
#[test]
fn a_destination_of_which_every_fifth_request_hangs_is_served_at_once() {
    let answer = |number| if number % 5 == 0 { Answer::Never } else { Answer::Status(200, 50) };
    let requests = busy(&(0..4_000).map(answer).collect::<Vec<_>>());
    let firsts = requests.iter().filter(|(request, _)| request.attempt == 1);
    let delays: Vec<_> = firsts.map(|(_, delay)| *delay).collect();
    let [median, p99] = median_and_p99(&delays);
    assert!(p99 < Duration::from_secs(1), "{median:?} {p99:?}");
}

/// A counter that each message wrote would be throttled, and the limit would not hold exactly when it is needed.
#[test]
fn row_44_three_thousand_messages_at_once_are_counted_with_the_writes_that_one_key_takes() {
    let mut world = World::calm(44);
    world.workers = 300;
    let world = Arc::new(world);
    world.destination_that(0, &[Answer::Never; 20_000]);
    // The first three thousand open the breakers of nearly all workers.
    for at in [0, 12] {
        (0..3_000).for_each(|_| drop(world.end_conversation(Duration::from_secs(at))));
    }
    let second_wave = world.time.now() + Duration::from_secs(12);
    let history = world.run_for(Duration::from_secs(19));
    let sent = history.requests.iter().filter(|request| request.at >= second_wave).count();
    assert!((1..150).contains(&sent), "{sent} were sent at once");
}

#[test]
#[ignore = "two million deliveries, unless EVENTS, EVERY (ms), DESTINATIONS, WORKERS, SCALES=0 or BREAKERS=0 say otherwise"]
fn ten_thousand_messages_of_a_destination_that_hangs() {
    let number = |name, default| usize::try_from(variable(name, default)).unwrap();
    let traffic = Traffic {
        healthy: 600,
        events: number("EVENTS", 10_000),
        every: Duration::from_millis(variable("EVERY", 100)),
        destinations: number("DESTINATIONS", 100),
        hanging: Answer::Never,
        workers: number("WORKERS", 500),
        scales: number("SCALES", 1) == 1,
        is_fair: true,
        has_breakers: number("BREAKERS", 1) == 1,
    };
    for hangs in [false, true] {
        let delays = traffic.delays(hangs);
        let (first_minute, later) = delays.split_at(traffic.in_its_first_minute().min(delays.len()));
        println!("{} workers, hangs: {hangs}: median and p99", traffic.workers);
        println!("  of the first minute {:?}", median_and_p99(first_minute));
        if !later.is_empty() {
            println!("  after it {:?}", median_and_p99(later));
        }
    }
}
