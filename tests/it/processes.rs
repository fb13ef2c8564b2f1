//! The functions as Lambda runs them: native processes with a Runtime API and deadlines.

use local::clock::Clock;
use local::functions::{Egress, RunMode};
use local::receiver::Answer;
use local::stack::Options;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{World, binaries, options};

async fn as_processes(egress: Egress) -> World {
    let directory = binaries().await.to_owned();
    let run_mode = RunMode::AsProcesses { directory, egress, log: None };
    World::with(Options { run_mode, ..options(Clock::system()) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_repeated_after_ten_seconds_by_processes_too() {
    let world = as_processes(Egress::PublicAndLoopback).await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "PATCH").await;
    world.stack.receiver.answer_next("/hooks", [Answer::Status(500)]);
    customer.hang_up("c-1").await;
    let delivery = customer.delivery_once("c-1", "delivered").await;
    world.quiet().await;
    assert_eq!(delivery["attempts"], 2, "{delivery}");
    let requests = world.stack.receiver.received("/hooks");
    let [first, second] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!(first.payload, second.payload);
    assert!((9.8..12.5).contains(&(second.at - first.at).as_secs_f64()), "{:?}", second.at - first.at);
}

/// All four are the deployed binaries, which cannot be configured to reach this machine.
#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_binaries_send_to_public_addresses_only() {
    let world = as_processes(Egress::PublicOnly).await;
    let customer = world.customer("Acme").await;
    let here = world.stack.receiver.url("/hooks");
    let refused = json!({"name": "Here", "url": here});
    let (status, problem) = customer.call(Method::POST, "/v1/destinations", Some(&refused)).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("url")),
        "{problem}"
    );

    let (destination, _) = customer.add_destination("https://no-such-host.example.com/", "POST").await;
    customer.hang_up("c-1").await;
    let delivery = customer.delivery_after("c-1", 1).await;
    assert_eq!((&delivery["outcome"], &delivery["status"]), (&json!("dns"), &json!("retrying")));

    // A URL that bypassed the check at registration, as if the rules had been different then, is not reached either.
    world.force_url(&customer, &destination, &here).await;
    let delivery = customer.delivery_once("c-1", "exhausted").await;
    world.quiet().await;
    assert_eq!((&delivery["outcome"], &delivery["attempts"]), (&json!("blocked"), &json!(4)), "{delivery}");
    assert_eq!(world.stack.receiver.received("/hooks").len(), 0);
}
