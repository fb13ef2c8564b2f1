//! A deterministic simulation of the rules: queues, tables, destinations, workers and time are simulated, and each
//! fails in its own ways. All randomness comes from a seed.
//!
//! Start at [`world`]; [`faults`] lists what can go wrong. Each test in [`rows`] and [`ends`] forces one row of the fault
//! matrix, [`neighbours`] the row that takes thousands of messages, [`extended`] retries over two days, [`health`] the health of destinations and its notices, [`recoveries`] what is sent again, and [`search`] looks for a seed that breaks a promise. The
//! last step is always `checker::check`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test that cannot continue has failed"
)]

mod capacity;
mod conversations;
mod ends;
mod executor;
mod extended;
mod faults;
mod health;
mod log;
mod mapping;
mod neighbours;
mod network;
mod ports;
mod queue;
mod recoveries;
mod rows;
mod scale;
mod scene;
mod search;
mod sender;
mod sink;
mod tenants;
mod worker;
mod world;
