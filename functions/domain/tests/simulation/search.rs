//! Searches for a seed that breaks a promise.

use std::sync::Arc;

use checker::history::History;

use crate::faults::Fault;
use crate::world::World;

/// The totals of a search.
struct Totals {
    seeds: usize,
    deliveries: usize,
    requests: usize,
    happened: Vec<u64>,
}

impl World {
    /// Creates the world of a seed, with everything that will happen in it.
    pub(crate) fn of_seed(seed: u64) -> Arc<Self> {
        Self::of_seed_with(seed, |_| {})
    }
}

/// Runs one world and asserts that every promise was kept.
fn run(seed: u64) -> (History, Vec<u64>) {
    let world = World::of_seed(seed);
    let history = world.run();
    let mut breaches: Vec<_> = world.breaches(&history).iter().map(ToString::to_string).collect();
    breaches.extend(world.unsettled());
    assert!(
        breaches.is_empty(),
        "{}\n\nthe faults of this world\n{}\n\n\
         to repeat: SEED={seed} cargo test -p domain --test simulation one_seed -- --ignored --nocapture",
        breaches.join("\n"),
        world.faults.story().join("\n")
    );
    (history, world.faults.happened())
}

/// Runs worlds from `first_seed` on until they have made this many deliveries.
fn search(first_seed: u64, deliveries: usize) -> Totals {
    search_until(first_seed, |totals| totals.deliveries >= deliveries)
}

fn search_until(first_seed: u64, is_enough: impl Fn(&Totals) -> bool) -> Totals {
    let mut totals = Totals { seeds: 0, deliveries: 0, requests: 0, happened: vec![0; Fault::ALL.len()] };
    for seed in first_seed.. {
        if is_enough(&totals) {
            break;
        }
        let (history, happened) = run(seed);
        totals.seeds += 1;
        totals.deliveries += history.expected.len();
        totals.requests += history.requests.len();
        totals.happened.iter_mut().zip(happened).for_each(|(sum, more)| *sum += more);
    }
    totals
}

/// Reads a number from an environment variable.
pub(crate) fn variable(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how a developer requests a longer search")]
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Goes on for a while if a rare fault has not happened by then.
#[test]
fn two_thousand_deliveries_keep_every_promise_and_meet_every_fault() {
    let totals = search_until(0, |totals| {
        let has_met_all = totals.happened.iter().all(|happened| *happened > 0);
        totals.deliveries >= if has_met_all { 2_000 } else { 20_000 }
    });
    for (fault, happened) in Fault::ALL.iter().zip(&totals.happened) {
        assert!(*happened > 0, "{fault:?} never happened");
    }
    assert!(totals.requests > totals.deliveries, "there were no retries");
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..20 {
        let [once, again] = [(); 2].map(|()| format!("{:?}", run(seed)));
        assert_eq!(once, again, "{seed}");
    }
    assert_ne!(format!("{:?}", run(1)), format!("{:?}", run(2)));
}

#[test]
#[ignore = "replays one world: SEED"]
fn one_seed() {
    let (history, _) = run(variable("SEED", 0));
    println!("{history:#?}");
}

#[test]
#[ignore = "a long search: SEED is the first, DELIVERIES how many"]
fn many_deliveries_keep_every_promise() {
    let totals = search(variable("SEED", 0), usize::try_from(variable("DELIVERIES", 1_000_000)).unwrap());
    let Totals { seeds, deliveries, requests, happened } = totals;
    println!("{deliveries} deliveries and {requests} requests in {seeds} worlds: no promise was broken");
    for (fault, times) in Fault::ALL.iter().zip(happened) {
        println!("{times:>12} {fault:?}");
    }
}
