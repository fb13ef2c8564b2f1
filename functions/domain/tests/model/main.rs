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

use domain::destination::retry::Retry;
use explore::Explored;
use state::State;
use steps::Rules;

const BOTH: [Retry; 2] = [Retry::Standard, Retry::Extended];

fn explore(rules: Rules) -> Explored<State> {
    let explored = explore::explore(State::first(rules.retry), |state| state.next(rules));
    println!("{} states of {rules:?}", explored.states);
    explored
}

/// Asserts that an exploration finds what breaks without a part of the protocol.
fn assert_breaks(without: impl Fn(Rules) -> Rules) {
    for retry in BOTH {
        let broken = explore(without(retry.into())).broken;
        println!("{retry:?}: {broken:?}");
        assert!(broken.is_some(), "{retry:?}");
    }
}

#[test]
fn no_promise_can_be_broken_and_every_delivery_can_end() {
    for (retry, at_least) in BOTH.into_iter().zip([250_000, 300_000]) {
        let explored = explore(retry.into());
        assert_eq!(explored.broken, None, "{retry:?}");
        assert_eq!(explored.stranded, None, "{retry:?}");
        assert!(explored.states > at_least, "only {} states were explored", explored.states);
    }
}

#[test]
fn without_the_reconciler_a_delivery_can_be_stranded() {
    for retry in BOTH {
        let explored = explore(Rules { reconciles: false, ..retry.into() });
        assert_eq!(explored.broken, None);
        assert!(explored.stranded.is_some());
    }
}

#[test]
fn without_closing_what_the_dead_have_claimed_a_delivery_can_be_stranded() {
    for retry in BOTH {
        let explored = explore(Rules { completes_unknown: false, ..retry.into() });
        assert!(explored.stranded.is_some());
    }
}

#[test]
fn with_a_message_that_is_deleted_before_its_copy_is_sent_a_delivery_can_be_stranded() {
    let explored = explore(Rules { copies_before_it_deletes: false, ..Retry::Extended.into() });
    assert!(explored.stranded.is_some());
}

#[test]
fn without_a_condition_on_the_claim_a_number_is_sent_twice() {
    assert_breaks(|rules| Rules { claims_on_condition: false, ..rules });
}

#[test]
fn without_a_condition_on_the_owner_a_record_is_completed_twice() {
    assert_breaks(|rules| Rules { checks_owner: false, ..rules });
}

#[test]
fn without_a_condition_on_the_release_a_request_loses_its_record() {
    assert_breaks(|rules| Rules { releases_on_condition: false, ..rules });
}

#[test]
fn with_a_clock_that_ends_the_lease_of_the_living_a_success_is_followed_by_a_request() {
    assert_breaks(|rules| Rules { leases_outlive_their_owners: false, ..rules });
}
