//! Who reports and what fails: every promise is kept in each.

use std::time::Duration;

use crate::explore;
use crate::setting::Setting;
use crate::word::Word::{Daily, EventBridge, Hangup, Twilio};

/// Explores a setting, which has at least so many states.
fn holds(setting: &Setting, at_least: usize) {
    let explored = explore(setting);
    println!("{} states", explored.states);
    assert_eq!(explored.broken, None);
    assert_eq!(explored.stranded, None);
    assert!(explored.states >= at_least, "only {} states were explored", explored.states);
}

#[test]
fn a_provider_and_the_platform() {
    holds(&Setting { destinations: 2, ..Setting::of(&[Twilio, Hangup]) }, 150_000);
}

#[test]
fn two_providers() {
    holds(&Setting::of(&[Twilio, Daily]), 31_000);
}

#[test]
fn a_provider_whose_end_settles_at_once() {
    holds(&Setting { window: Duration::ZERO, ..Setting::of(&[Twilio, Hangup]) }, 95_000);
}

#[test]
fn the_platform_twice_repeated_with_other_fields() {
    holds(&Setting { repeats: true, ..Setting::of(&[Hangup, EventBridge]) }, 108_000);
}

#[test]
fn a_provider_and_the_platform_that_adds_for_a_while() {
    holds(&Setting { delayed: vec![Hangup], ..Setting::of(&[Twilio, Hangup]) }, 81_000);
}

#[test]
fn the_platform_that_adds_for_a_while_and_then_has_its_last_word() {
    holds(&Setting { delayed: vec![Hangup], ..Setting::of(&[Hangup, EventBridge]) }, 53_000);
}

#[test]
fn two_providers_and_the_platform_at_one_worker() {
    let setting = Setting { loses_answers: false, workers: 1, ..Setting::of(&[Twilio, Daily, Hangup]) };
    holds(&setting, 91_000);
}

#[test]
#[ignore = "takes minutes: cargo test --profile bench -p domain --test settling -- --ignored --nocapture"]
fn two_providers_and_the_platform() {
    holds(&Setting::of(&[Twilio, Daily, Hangup]), 1_950_000);
}

#[test]
#[ignore = "takes minutes: cargo test --profile bench -p domain --test settling -- --ignored --nocapture"]
fn a_provider_and_two_words_of_the_platform() {
    holds(&Setting::of(&[Twilio, Hangup, EventBridge]), 1_313_000);
}

#[test]
#[ignore = "takes minutes: cargo test --profile bench -p domain --test settling -- --ignored --nocapture"]
fn a_provider_the_platform_and_a_deletion_with_lost_answers() {
    holds(&Setting { deletes: true, destinations: 2, ..Setting::of(&[Twilio, Hangup]) }, 1_740_000);
}

#[test]
#[ignore = "takes minutes: cargo test --profile bench -p domain --test settling -- --ignored --nocapture"]
fn everything_of_two_reports() {
    let setting = Setting::of(&[Twilio, Hangup]);
    holds(&Setting { deletes: true, frees: true, ages: true, repeats: true, ..setting }, 1_977_000);
}

#[test]
fn a_provider_and_a_deletion() {
    holds(&Setting { deletes: true, destinations: 2, ..Setting::of(&[Twilio]) }, 32_000);
}

#[test]
fn the_platform_and_a_deletion() {
    holds(&Setting { deletes: true, destinations: 2, ..Setting::of(&[Hangup]) }, 10_000);
}

#[test]
fn a_provider_the_platform_and_a_deletion() {
    holds(&Setting { deletes: true, loses_answers: false, ..Setting::of(&[Twilio, Hangup]) }, 132_000);
}

#[test]
fn the_platform_a_deletion_and_a_second_life() {
    holds(&Setting { deletes: true, frees: true, ..Setting::of(&[Hangup, EventBridge]) }, 98_000);
}

#[test]
fn a_provider_a_deletion_and_a_second_life_by_the_platform() {
    let setting =
        Setting { deletes: true, frees: true, loses_answers: false, ..Setting::of(&[Twilio, Hangup]) };
    holds(&setting, 155_000);
}

#[test]
fn the_platform_that_repeats_after_the_retention() {
    let setting =
        Setting { ages: true, repeats: true, loses_answers: false, ..Setting::of(&[Hangup, EventBridge]) };
    holds(&setting, 108_000);
}

#[test]
fn without_faults_an_event_is_fanned_out_once() {
    let callers = [Twilio, Hangup, EventBridge];
    let setting =
        Setting { crashes: false, loses_answers: false, workers: 1, repeats: true, ..Setting::of(&callers) };
    holds(&setting, 60_000);
}
