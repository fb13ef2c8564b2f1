//! Row 44: what a destination that hangs for all of its messages costs the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::DeliveryId;
use domain::ports::Clock;

use crate::search::variable;
use crate::sink::Answer;
use crate::world::World;

/// Conversations end one after the other, for as many destinations.
#[derive(Clone, Copy)]
struct Traffic {
    events: usize,
    every: Duration,
    destinations: usize,
    /// `MaximumConcurrency`
    workers: usize,
    is_fair: bool,
}

impl Traffic {
    /// From acceptance to the first request, at all destinations but the first, which hangs or does not: the 50th and the
    /// 99th of a hundred.
    fn delays(self, hangs: bool) -> [Duration; 2] {
        let mut world = World::calm(44);
        world.workers = self.workers;
        world.queues.is_fair = self.is_fair;
        let world = Arc::new(world);
        let script = vec![Answer::Never; if hangs { self.events * 4 } else { 0 }];
        world.destination_that(0, &script);
        let others: Vec<_> = (1..self.destinations).map(|index| world.destination_that(index, &[])).collect();
        let mut ends = Duration::ZERO;
        let mut accepted = BTreeMap::new();
        for _ in 0..self.events {
            let (event, at) = (world.end_conversation(ends), world.time.now() + ends);
            accepted.extend(others.iter().map(|other| (DeliveryId::of(&event, other), at)));
            ends += self.every;
        }
        let history = world.run();
        let breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
        assert!(breaches.is_empty(), "{}", breaches.join("\n"));
        let hung = history.requests.iter().filter(|request| request.answered.is_none()).count();
        assert_eq!(hung, script.len());
        let firsts = history.requests.iter().filter(|request| request.attempt == 1);
        let delays = firsts.filter_map(|request| Some(request.at.since(*accepted.get(&request.delivery)?)));
        let mut delays: Vec<_> = delays.collect();
        assert_eq!(delays.len(), accepted.len());
        delays.sort_unstable();
        [50, 99].map(|of_hundred| delays[delays.len() * of_hundred / 100])
    }
}

/// Two hanging requests begin each second. At four attempts of ten seconds they keep eighty workers waiting.
const SMALL: Traffic =
    Traffic { events: 120, every: Duration::from_millis(500), destinations: 20, workers: 100, is_fair: true };

#[test]
fn row_44_neighbours_of_a_destination_that_hangs_wait_less_than_twice_as_long() {
    let [health, beside] = [false, true].map(|hangs| SMALL.delays(hangs));
    assert!(beside[1] < health[1] * 2, "{health:?} {beside:?}");
}

/// So the test before can fail, and fair queues are worth their groups.
#[test]
fn row_44_too_few_workers_wait_with_the_one_that_hangs_and_fair_queues_make_that_bearable() {
    let few = Traffic { workers: 20, ..SMALL };
    let health = few.delays(false);
    let [fair, unfair] = [true, false].map(|is_fair| Traffic { is_fair, ..few }.delays(true));
    assert!(fair[1] > health[1] * 2 && unfair[1] > fair[1] * 2, "{health:?} {fair:?} {unfair:?}");
}

#[test]
#[ignore = "two million deliveries: WORKERS says how many there are, EVENTS how many messages hang"]
fn ten_thousand_messages_of_a_destination_that_hangs() {
    let number = |name, default| usize::try_from(variable(name, default)).unwrap();
    let traffic = Traffic {
        events: number("EVENTS", 10_000),
        every: Duration::from_millis(100),
        destinations: 100,
        workers: number("WORKERS", 500),
        ..SMALL
    };
    for hangs in [false, true] {
        println!("{} workers, hangs: {hangs}: median and p99 {:?}", traffic.workers, traffic.delays(hangs));
    }
}
