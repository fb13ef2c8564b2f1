//! Measures the figures in tests/README.md: `cargo bench -p tests`, or one by name, `cargo bench -p tests -- daily`.
//!
//! Clients run in the same process and use the stack's HTTP front; tables, queues and the receiver are in memory, at
//! real endpoints over sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot continue has failed, and it prints its figures"
)]

mod daily;
#[path = "../it/described.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod described;
mod figures;
mod log;
#[path = "../it/providers.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod providers;
#[path = "../it/tools.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod tools;
#[path = "../it/world/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod world;

#[tokio::main]
async fn main() {
    // Cargo adds flags for test harnesses.
    let names: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    assert!(
        names.iter().all(|name| ["daily", "log"].contains(&name.as_str())),
        "daily or log, not {names:?}"
    );
    if wants("daily") {
        daily::run().await;
    }
    if wants("log") {
        log::run().await;
    }
}
