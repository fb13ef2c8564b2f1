//! Looks for a seed under which a promise is not kept.

use crate::faults::Fault;
use crate::world::World;

/// What a number of seeds came to.
#[derive(Default)]
struct Found {
    deliveries: usize,
    requests: usize,
    happened: Vec<u64>,
}

/// Runs the seeds one after the other.
fn search(seeds: impl Iterator<Item = u64>, is_enough: impl Fn(&Found) -> bool) -> Found {
    let mut found = Found { happened: vec![0; Fault::ALL.len()], ..Found::default() };
    for seed in seeds {
        let world = World::of_seed(seed);
        let history = world.run();
        let breaches = world.breaches(&history);
        if !breaches.is_empty() {
            let breaches: Vec<_> = breaches.iter().map(ToString::to_string).collect();
            panic!(
                "{}\n\nthe faults of this world\n{}\n\nagain: SEED={seed} cargo test -p domain --test simulation one_seed -- --ignored",
                breaches.join("\n"),
                world.faults.story().join("\n")
            );
        }
        found.deliveries += history.expected.len();
        found.requests += history.requests.len();
        for (sum, happened) in found.happened.iter_mut().zip(world.faults.happened()) {
            *sum += happened;
        }
        if is_enough(&found) {
            break;
        }
    }
    found
}

#[test]
fn no_seed_breaks_a_promise() {
    let found = search(0..300, |_| false);
    for (fault, happened) in Fault::ALL.iter().zip(&found.happened) {
        println!("{fault:?} {happened}");
    }
    println!("{} {}", found.deliveries, found.requests);
}
