//! Deliveries survive a `kill -9`.

use std::collections::BTreeSet;
use std::fs::File;
use std::future::pending;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use domain::shared::clock::Clock as _;
use futures_util::{FutureExt as _, StreamExt as _, stream};
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

/// Conversations that end at the same time.
const AT_ONCE: usize = 5;

/// Longer than a queue's visibility timeout (185 s) and any lease, so that the killed process owns nothing.
const LATER: Duration = Duration::from_secs(200);

/// Starts the program that `cargo run` starts, on this data; returns its process and its demo customer.
async fn ringback(data: &Path, more: &[&str], output: [Stdio; 2]) -> (Child, Customer) {
    let [stdout, stderr] = output;
    let variables = data.join("variables.env");
    let program = Command::new(binaries().await.join("ringback"))
        .args(["--quiet", "--port", "0", "--data"])
        .arg(data)
        .arg("--env-file")
        .arg(&variables)
        .args(more)
        .current_dir(data.parent().unwrap())
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The program writes this file once everything is up, and the variables before it.
    let key = eventually("the demo's key", async || {
        let demo: Value = serde_json::from_slice(&std::fs::read(data.join("demo.json")).ok()?).ok()?;
        demo["api_key"].as_str().map(str::to_owned)
    })
    .await;
    let variables = std::fs::read_to_string(variables).unwrap();
    let url = variables.lines().find_map(|line| line.strip_prefix("PUBLIC_URL=")).unwrap();
    (program, Customer::with_key(url.to_owned(), key))
}

/// Ends a conversation, repeating the call until it is accepted.
async fn hang_up(customer: &Customer, conversation: &str) {
    let what = format!("{conversation} accepted");
    eventually(&what, async || customer.try_to_hang_up(conversation).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_two_hundred_deliveries_loses_none_and_sends_none_a_fifth_time() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    // The receiver outlives the stack, which trusts it because this authority is in its data.
    let authority = Authority::load_or_create(data).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = Receiver::start(listener, authority.server_config().unwrap(), Clock::system()).unwrap();

    let (mut stack, customer) = ringback(data, &[], [Stdio::null(), Stdio::inherit()]).await;
    // The demo's destination leads to the stack's own receiver, which dies with the stack.
    for demo in customer.get("/v1/destinations").await["destinations"].as_array().unwrap() {
        let path = format!("/v1/destinations/{}", text(&demo["id"]));
        assert_eq!(customer.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    }
    let (destination, _) = customer.add_destination(&receiver.url("/hooks"), "POST").await;
    receiver.answer_next("/hooks", vec![Answer::Status(200); DELIVERIES / 4]);
    receiver.answer("/hooks", Answer::Hang);
    let conversations: Vec<_> = (0..DELIVERIES).map(|number| format!("c-{number}")).collect();
    let accepted = Mutex::new(BTreeSet::new());
    let hang_ups = stream::iter(&conversations).for_each_concurrent(AT_ONCE, async |conversation| {
        hang_up(&customer, conversation).await;
        accepted.lock().unwrap().insert(conversation);
    });
    // A quarter is delivered and some of the others hang, all before their fourth attempt.
    tokio::select! {
        _ = receiver.wait_for("/hooks", DELIVERIES / 4 + 10) => {}
        () = hang_ups.then(|()| pending()) => {}
    }
    stack.kill().await.unwrap(); // SIGKILL
    let accepted = accepted.into_inner().unwrap();
    receiver.answer("/hooks", Answer::Status(200));

    let later = Clock::system().now() + LATER;
    let (clock, hand) = Clock::manual(later.as_millis());
    let options = Options { data: Some(data.to_owned()), ..options(clock) };
    let world = World::with(options).await;
    let customer = Customer::with_key(world.stack.url(""), customer.key);
    // Calls that got no answer are repeated.
    for conversation in conversations.iter().filter(|conversation| !accepted.contains(conversation)) {
        hang_up(&customer, conversation).await;
    }
    // A killed fan-out sends its messages again; of two messages for one delivery, the second waits for the first.
    world.quiet_in_time(&hand).await;

    for conversation in &conversations {
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
    assert!(again >= 10, "deliveries that hung at the kill were retried: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_is_quiet() {
    for more in [&[][..], &["--processes"]] {
        let directory = tempfile::tempdir().unwrap();
        let files = ["out", "err"].map(|name| directory.path().join(name));
        let output = files.each_ref().map(|file| File::create(file).unwrap().into());
        let (mut stack, customer) = ringback(&directory.path().join("data"), more, output).await;
        eventually("the sample's delivery", async || {
            let page = customer.get("/v1/deliveries").await;
            (page["deliveries"][0]["status"] == "delivered").then_some(())
        })
        .await;
        stack.kill().await.unwrap();
        assert_eq!(files.map(|file| std::fs::read_to_string(file).unwrap()), ["", ""], "{more:?}");
    }
}
