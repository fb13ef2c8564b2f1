//! Every way that one delivery can go: two workers, each free to die, to be throttled and to miss an answer at every
//! step, a queue that hands out twice, and the reconciler. What a worker decides is decided by the rules themselves.
//!
//! Start at [`state`]; [`steps`] are the ways from one state to the next, and [`explore`] walks them all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod explore;
mod state;
mod steps;

use explore::explore;
use steps::Rules;

#[test]
fn no_promise_can_be_broken_and_every_delivery_can_end() {
    let explored = explore(Rules::default());
    println!("{} states", explored.states);
    assert_eq!(explored.broken, None);
    assert_eq!(explored.stranded, None);
    assert!(explored.states > 250_000, "{} states are not all there are", explored.states);
}

#[test]
fn without_the_reconciler_a_delivery_can_be_stranded() {
    let explored = explore(Rules { reconciles: false, ..Rules::default() });
    assert_eq!(explored.broken, None);
    assert!(explored.stranded.is_some());
}

#[test]
fn without_closing_what_the_dead_have_claimed_a_delivery_can_be_stranded() {
    let explored = explore(Rules { closes_unknown: false, ..Rules::default() });
    assert!(explored.stranded.is_some());
}

#[test]
fn without_a_condition_on_the_claim_a_number_is_sent_twice() {
    let explored = explore(Rules { claims_on_condition: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}

#[test]
fn without_a_condition_on_the_owner_a_record_is_completed_twice() {
    let explored = explore(Rules { asks_for_the_owner: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}

#[test]
fn with_a_clock_that_ends_the_lease_of_the_living_a_success_is_followed_by_a_request() {
    let explored = explore(Rules { leases_outlive_their_owners: false, ..Rules::default() });
    assert!(explored.broken.is_some());
}
