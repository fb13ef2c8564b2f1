//! A model checker for one delivery: two workers, each of which may die, be throttled or lose a response at every step,
//! a queue that delivers a message twice, and the reconciler. The rules themselves make every decision of a worker.
//!
//! Start at [`state`]; [`steps`] lists the transitions between states, and [`explore`] follows every one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test that cannot continue has failed"
)]

mod explore;
mod state;
mod steps;

use explore::Explored;
use state::State;
use steps::Rules;

fn explore(rules: Rules) -> Explored<State> {
    explore::explore(State::first(), |state| state.next(rules))
}

#[test]
fn no_promise_can_be_broken_and_every_delivery_can_end() {
    let explored = explore(Rules::default());
    println!("{} states", explored.states);
    assert_eq!(explored.broken, None);
    assert_eq!(explored.stranded, None);
    assert!(explored.states > 250_000, "only {} states were explored", explored.states);
}

#[test]
fn without_the_reconciler_a_delivery_can_be_stranded() {
    let explored = explore(Rules { reconciles: false, ..Rules::default() });
    assert_eq!(explored.broken, None);
    assert!(explored.stranded.is_some());
}

#[test]
fn without_closing_what_the_dead_have_claimed_a_delivery_can_be_stranded() {
    let explored = explore(Rules { completes_unknown: false, ..Rules::default() });
    assert!(explored.stranded.is_some());
}

#[test]
fn without_a_condition_on_the_claim_a_number_is_sent_twice() {
    let explored = explore(Rules { claims_on_condition: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}

#[test]
fn without_a_condition_on_the_owner_a_record_is_completed_twice() {
    let explored = explore(Rules { checks_owner: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}

#[test]
fn without_a_condition_on_the_release_a_request_loses_its_record() {
    let explored = explore(Rules { releases_on_condition: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}

#[test]
fn with_a_clock_that_ends_the_lease_of_the_living_a_success_is_followed_by_a_request() {
    let explored = explore(Rules { leases_outlive_their_owners: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}
