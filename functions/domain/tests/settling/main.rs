//! A model checker for the end of one conversation: the reports of it, the schedule, its deletion, and the fan-out of its
//! event at two workers, each of which may die or lose an answer at every step. The rules themselves make every decision.
//!
//! Start at [`state`]; [`steps`] lists the transitions between states, which [`ingest`] and [`fan_out`] take, and
//! [`setting`] what happens in an exploration. What is promised:
//!
//! 1. One event a life, and all deliveries say the same.
//! 2. The record says the same kind as the event, also after the event's retention.
//! 3. When all is quiet, each end has its event and its deliveries; and everything can come to rest.
//! 4. The platform's words that were answered before the end settled are in the event, and one of them decided.
//! 5. Nothing of a deleted life leaves once the deletion was answered.
//! 6. Without faults, an event is fanned out once.
//! 7. No event leaves before its end has settled.
//! 8. No word begins a new life while the mark of the deletion is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test that cannot continue has failed"
)]

#[path = "../model/explore.rs"]
mod explore;
mod fan_out;
mod ingest;
mod mutants;
mod record;
mod scenarios;
mod setting;
mod state;
mod steps;
mod word;

use setting::Setting;
use state::State;

fn explore(setting: &Setting) -> explore::Explored<State> {
    explore::explore(State::first(setting), |state| state.next(setting))
}
