//! Without one part of the protocol, a promise is broken.

use crate::explore;
use crate::setting::{Rules, Seal, Setting};
use crate::word::Word::{Hangup, Twilio};

fn breaks(setting: Setting, rules: Rules, promise: &str) {
    let explored = explore(&Setting { rules, ..setting });
    assert!(
        explored.broken.is_some_and(|broken| broken.starts_with(promise)),
        "{:?} after {} states",
        explored.broken,
        explored.states
    );
}

#[test]
fn a_seal_that_checks_the_version_and_writes_nothing() {
    let rules = Rules { seal: Seal::Checked, ..Rules::default() };
    breaks(Setting::of(&[Twilio, Hangup]), rules, "(2)");
}

#[test]
fn an_event_that_is_created_before_its_end_is_final() {
    let rules = Rules { seal: Seal::Skipped, ..Rules::default() };
    breaks(Setting::of(&[Twilio, Hangup]), rules, "(2)");
}

#[test]
fn a_deletion_that_leaves_no_mark_of_the_event() {
    let rules = Rules { marks_events: false, ..Rules::default() };
    breaks(Setting { deletes: true, ..Setting::of(&[Hangup]) }, rules, "(5)");
}

#[test]
fn a_deletion_that_leaves_no_mark_of_the_record() {
    let rules = Rules { marks_records: false, ..Rules::default() };
    breaks(Setting { deletes: true, ..Setting::of(&[Twilio, Hangup]) }, rules, "(8)");
}

#[test]
fn an_event_past_its_retention_that_looks_like_none() {
    let rules = Rules { stores_until: false, ..Rules::default() };
    breaks(Setting { ages: true, repeats: true, ..Setting::of(&[Hangup]) }, rules, "(1)");
}

#[test]
fn deliveries_that_say_what_the_message_says() {
    let rules = Rules { takes_kind_from_event: false, ..Rules::default() };
    breaks(Setting::of(&[Twilio, Hangup]), rules, "(1)");
}

#[test]
fn a_message_that_is_dropped_before_its_report_is_written() {
    let rules = Rules { waits_for_writes: false, ..Rules::default() };
    breaks(Setting::of(&[Twilio]), rules, "(3)");
}

#[test]
fn a_message_that_is_dropped_by_whoever_finds_its_event() {
    let rules = Rules { has_owner: false, ..Rules::default() };
    breaks(Setting::of(&[Hangup]), rules, "(3)");
}

#[test]
fn a_message_that_lets_the_event_of_another_report_leave() {
    let rules = Rules { checks_words: false, ..Rules::default() };
    breaks(Setting::of(&[Twilio, Hangup]), rules, "(3)");
}

#[test]
fn a_providers_message_that_is_sent_after_the_write() {
    let rules = Rules { sends_first: false, ..Rules::default() };
    breaks(Setting::of(&[Twilio]), rules, "(3)");
}

#[test]
fn a_fan_out_that_trusts_the_delay_of_its_message() {
    let rules = Rules { obeys_settles_at: false, ..Rules::default() };
    breaks(Setting { delayed: vec![Hangup], ..Setting::of(&[Twilio, Hangup]) }, rules, "(7)");
}

#[test]
fn an_end_whose_message_could_not_be_sent_and_that_is_not_on_the_schedule() {
    let rules = Rules { schedules_unsent: false, ..Rules::default() };
    breaks(Setting::of(&[Twilio]), rules, "(3)");
}
