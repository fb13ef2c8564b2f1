//! Ringback as a whole: real SDK clients, real sockets, a real https receiver with a real certificate.
//!
//! [`world`] starts the stack and plays its customers. Where time matters, the test moves the clock by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot continue has failed"
)]

mod accounts;
mod api;
mod bad_input;
mod between;
mod browser;
mod cli;
mod contracts;
mod cost;
mod deployment;
mod described;
mod destinations;
mod documents;
mod durability;
mod events;
mod faults;
mod flows;
mod forget;
mod fuzz;
mod health;
mod house;
mod idempotency;
mod keys;
mod libraries;
mod limits;
mod log;
mod loops;
mod matrix;
mod metadata;
mod openapi;
mod portal;
mod processes;
mod providers;
mod recoveries;
mod redelivery;
mod retries;
mod samples;
mod search;
mod secrecy;
mod secrets;
mod sender;
mod tools;
mod unrouted;
mod wire;
mod world;
