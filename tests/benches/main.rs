//! Measures the figures in tests/README.md: `cargo bench -p tests`, or one by name, `cargo bench -p tests -- daily`.
//! `--brief` is for a check that `deliveries` still runs; `--compare FILE` shows its figures beside earlier ones.
//!
//! Clients run in the same process and use the stack's HTTP front; tables, queues and the receiver are in memory, at
//! real endpoints over sockets. `deliveries` calls tables and queues without a socket, as `cargo run` does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot continue has failed, and it prints its figures"
)]

mod daily;
mod deliveries;
#[path = "../it/described.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod described;
mod dispatch;
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
    let mut arguments = std::env::args().skip(1);
    let (mut names, mut is_brief, mut earlier) = (Vec::new(), false, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {} // cargo adds it
            "--brief" => is_brief = true,
            "--compare" => earlier = arguments.next(),
            "daily" | "deliveries" | "dispatch" | "log" => names.push(argument),
            _ => panic!("choose daily, deliveries, dispatch or log, not {argument}"),
        }
    }
    let wants = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    if wants("daily") {
        daily::run().await;
    }
    if wants("dispatch") {
        dispatch::run().await;
    }
    if wants("log") {
        log::run().await;
    }
    if wants("deliveries") {
        deliveries::run(is_brief, earlier.as_deref()).await;
    }
}
