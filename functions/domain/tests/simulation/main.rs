//! The rules, simulated: queues, tables, destinations, workers and time are stood in for, and each of them fails in the
//! ways that it has. All chance comes from a seed.
//!
//! Start at [`world`]; [`faults`] lists what can go wrong. [`rows`] forces one row of the fault matrix each, [`neighbours`]
//! the one that takes thousands of messages, [`search`] looks for a seed under which a promise is not kept. The last step
//! is always `checker::check`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod executor;
mod faults;
mod mapping;
mod neighbours;
mod network;
mod ports;
mod queue;
mod rows;
mod scale;
mod scene;
mod search;
mod sink;
mod worker;
mod world;
