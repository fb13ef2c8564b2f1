//! What survives a `kill -9`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use domain::ports::Clock as _;
use local::certificates::Authority;
use local::clock::Clock;
use local::receiver::{Answer, Receiver};
use local::stack::Options;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::world::{Customer, World, binaries, eventually, options, text};

const DELIVERIES: usize = 200;

/// Longer than a queue's visibility timeout (180 s) and any lease: by then, nobody of before the kill owns anything.
const LATER: Duration = Duration::from_secs(200);

/// The program that `cargo run` starts, on this data, and its API.
async fn ringback(data: &Path) -> (Child, String) {
    let program = binaries().await.join("ringback");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port() & !1;
    let child = Command::new(program)
        .args(["--quiet", "--port", &free.to_string(), "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (child, format!("http://127.0.0.1:{free}"))
}

/// The key that the program made for itself, once it is up.
async fn key(data: &Path) -> String {
    eventually("the demo's key", async || {
        let demo: Value = serde_json::from_slice(&std::fs::read(data.join("demo.json")).ok()?).ok()?;
        demo["api_key"].as_str().map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_two_hundred_deliveries_loses_none_and_sends_none_a_fifth_time() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    // The receiver outlives the stack, and is trusted because the stack finds this authority in its data.
    let authority = Authority::load_or_create(data).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = Receiver::start(listener, authority.server_config().unwrap(), Clock::system()).unwrap();

    let (mut stack, api) = ringback(data).await;
    let key = key(data).await;
    let customer = Customer::with_key(api, key.clone());
    // The demo's own destination goes with the stack's own receiver.
    for demo in customer.get("/v1/destinations").await["destinations"].as_array().unwrap() {
        let path = format!("/v1/destinations/{}", text(&demo["id"]));
        assert_eq!(customer.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    }
    let (destination, _) = customer.add_destination(&receiver.url("/hooks"), "POST").await;
    receiver.answer_next("/hooks", vec![Answer::Status(200); DELIVERIES / 4]);
    receiver.answer("/hooks", Answer::Hang);
    let accepted: Vec<_> = (0..DELIVERIES).map(|number| format!("c-{number}")).collect();
    for conversation in &accepted {
        customer.hang_up(conversation).await;
    }
    // A quarter is delivered, and some of the rest hang.
    receiver.wait_for("/hooks", DELIVERIES / 4 + 10).await;
    stack.kill().await.unwrap(); // SIGKILL
    receiver.answer("/hooks", Answer::Status(200));

    let later = Clock::system().now() + LATER;
    let (clock, _hand) = Clock::manual(later.as_millis());
    let options = Options { data: Some(data.to_owned()), ..options(clock) };
    let world = World::with(options).await;
    let customer = Customer::with_key(world.stack.url(""), key);
    world.quiet().await;

    for conversation in &accepted {
        let deliveries = customer.deliveries_of(conversation).await;
        let ours: Vec<_> = deliveries.iter().filter(|d| d["destination_id"] == destination).collect();
        let [delivery] = &ours[..] else { panic!("{conversation}: {ours:?}") };
        assert_eq!(delivery["status"], "delivered", "{conversation}: {delivery}");
        let event = text(&delivery["event_id"]);
        let requests = receiver.received("/hooks");
        let numbers: Vec<_> = requests
            .iter()
            .filter(|request| request.headers["webhook-id"] == event)
            .map(|request| request.headers["webhook-attempt"].clone())
            .collect();
        let attempts = usize::try_from(delivery["attempts"].as_u64().unwrap()).unwrap();
        assert!((1..=attempts).contains(&numbers.len()) && attempts <= 4, "{conversation}: {numbers:?}");
    }
    let again = receiver
        .received("/hooks")
        .iter()
        .filter(|request| request.headers["webhook-attempt"] != "1")
        .count();
    assert!(again >= 10, "those that hung at the kill were tried again: {again}");
}
