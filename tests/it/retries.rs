//! Failed attempts, their retries and their effect on other deliveries.

use std::time::Duration;

use domain::delivery::schedule::EXTENDED_WAITS;
use domain::shared::timestamp::Timestamp;
use local::clock::Clock;
use local::receiver::Answer;
use local::stack::{Calls, Options};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::log;
use crate::world::{MORNING_MS, World, eventually, options};

const RETRY_AFTER: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_always_fails_gets_four_requests_and_leaves_no_dead_letter() {
    let lines = log::captured();
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    world.stack.receiver.answer("/hooks", Answer::Body(500, "out of order".to_owned()));
    customer.hang_up("c-1").await;

    for attempt in 1..=4 {
        let requests = world.stack.receiver.wait_for("/hooks", attempt).await;
        assert_eq!(requests[attempt - 1].headers["webhook-attempt"], attempt.to_string());
        customer.delivery_after("c-1", attempt).await;
        world.advance(&hand, RETRY_AFTER).await;
    }
    let delivery = customer.delivery_once("c-1", "exhausted").await;
    world.quiet().await;

    let id = delivery["id"].as_str().unwrap();
    assert!(
        lines.with(&["delivery.attempted", id]).len() == 4
            && lines.with(&["dead_letter.reconciled", id]).is_empty()
    );
    assert_eq!(delivery["attempts"], 4);
    assert_eq!(delivery["http_status"], 500);
    let log = delivery["attempt_log"].as_array().unwrap();
    for (index, attempt) in log.iter().enumerate() {
        assert_eq!(attempt["number"], index + 1);
        assert_eq!(attempt["http_status"], 500);
        assert_eq!(attempt["response"]["body"], "out of order");
        assert!(attempt["error"].as_str().is_some_and(|error| error.contains("500")), "{attempt}");
    }
    let starts: Vec<_> = log.iter().map(|attempt| attempt["started_at"].as_str().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "2026-09-01T10:00:00.000Z",
            "2026-09-01T10:00:10.000Z",
            "2026-09-01T10:00:20.000Z",
            "2026-09-01T10:00:30.000Z"
        ]
    );
    assert_eq!(world.stack.receiver.received("/hooks").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_recovers_at_the_third_gets_three_requests() {
    recovers_at_the_third(Calls::OverSockets).await;
}

/// As `cargo run` does. The requests to queues and tables, what these refuse and what they answer are the same.
#[tokio::test(flavor = "multi_thread")]
async fn without_sockets_it_gets_the_same_three_requests() {
    recovers_at_the_third(Calls::Directly).await;
}

async fn recovers_at_the_third(calls: Calls) {
    let (clock, hand) = Clock::manual(MORNING_MS);
    let world = World::with(Options { calls, ..options(clock) }).await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    world.stack.receiver.answer_next("/hooks", [Answer::Status(500), Answer::Drop]);
    let event = customer.hang_up("c-1").await;
    assert_eq!(customer.hang_up("c-1").await, event);
    for attempt in 1..=2 {
        customer.delivery_after("c-1", attempt).await;
        world.advance(&hand, RETRY_AFTER).await;
    }
    let delivery = customer.delivery_once("c-1", "delivered").await;
    world.quiet().await;
    let outcomes: Vec<_> =
        delivery["attempt_log"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["http_error", "no_response", "success"]);
    assert_eq!(world.stack.receiver.received("/hooks").len(), 3);
}

/// In real time, because the ten seconds are a promise about real time.
#[tokio::test(flavor = "multi_thread")]
async fn four_requests_arrive_ten_seconds_apart() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "PUT").await;
    world.stack.receiver.answer("/hooks", Answer::Status(503));
    customer.hang_up("c-1").await;
    let requests = world.stack.receiver.wait_for("/hooks", 4).await;
    let gaps: Vec<Duration> = requests.array_windows().map(|[a, b]| b.at - a.at).collect();
    let spacing = Duration::from_millis(9_800)..Duration::from_millis(12_500);
    assert!(gaps.iter().all(|gap| spacing.contains(gap)), "{gaps:?}");
    customer.delivery_once("c-1", "exhausted").await;
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/hooks").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_disabled_or_deleted_between_attempts_cancels_the_rest() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    world.stack.receiver.answer_everywhere(Answer::Status(500));
    let (disabled, _) = customer.add_destination(&world.stack.receiver.url("/disabled"), "POST").await;
    customer.hang_up("c-1").await;
    customer.delivery_after("c-1", 1).await;
    customer.change_destination(&disabled, &json!({"status": "disabled"})).await;
    world.advance(&hand, RETRY_AFTER).await;
    let delivery = customer.delivery_once("c-1", "cancelled").await;
    assert_eq!(delivery["error"], "The destination was disabled.");
    assert_eq!(delivery["attempts"], 1);

    let (deleted, _) = customer.add_destination(&world.stack.receiver.url("/deleted"), "POST").await;
    customer.hang_up("c-2").await;
    let attempted = |deliveries: Vec<serde_json::Value>| {
        deliveries.iter().any(|d| d["destination_id"] == deleted && d["status"] == "retrying")
    };
    crate::world::eventually("a first attempt", async || {
        attempted(customer.deliveries_of("c-2").await).then_some(())
    })
    .await;
    let path = format!("/v1/destinations/{deleted}");
    let (status, _) = customer.call(reqwest::Method::DELETE, &path, None).await;
    assert_eq!(status, 204);
    world.advance(&hand, RETRY_AFTER).await;
    world.quiet().await;
    let ends: Vec<_> = customer.deliveries_of("c-2").await.iter().map(|d| d["status"].clone()).collect();
    assert_eq!(ends.iter().filter(|end| *end == "cancelled").count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| *end == "skipped").count(), 1, "the other was disabled: {ends:?}");
}

/// The seven later attempts wait as copies of the message; the tenth record is read after the second.
#[tokio::test(flavor = "multi_thread")]
async fn extended_retries_are_eleven_attempts_and_the_log_shows_when_the_next_is_due() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    let (id, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    assert_eq!(customer.change_destination(&id, &json!({"retry": "extended"})).await["retry"], "extended");
    world.stack.receiver.answer("/hooks", Answer::Status(500));
    customer.hang_up("c-1").await;
    customer.delivery_after("c-1", 1).await;
    customer.change_destination(&id, &json!({"retry": "standard"})).await; // for later deliveries
    let waits = [RETRY_AFTER; 3].into_iter().chain(EXTENDED_WAITS);
    let mut now = Timestamp::from_millis(MORNING_MS);
    for (attempt, wait) in (1..).zip(waits) {
        let delivery = customer.delivery_after("c-1", attempt).await;
        assert_eq!(delivery["status"], "retrying");
        let due = Timestamp::parse(delivery["next_attempt_at"].as_str().unwrap()).unwrap();
        assert_eq!(due.since(now), wait, "after attempt {attempt}");
        world.advance(&hand, wait).await;
        now = now + wait;
    }
    let delivery = customer.delivery_once("c-1", "exhausted").await;
    world.quiet().await;
    let log = delivery["attempt_log"].as_array().unwrap();
    let numbers: Vec<_> = log.iter().map(|attempt| attempt["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, Vec::from_iter(1..=11));
    assert_eq!(world.stack.receiver.received("/hooks").len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_mended_his_receiver_need_not_wait_for_an_extended_retry() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    let (id, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    customer.change_destination(&id, &json!({"retry": "extended"})).await;
    world.stack.receiver.answer("/hooks", Answer::Status(500));
    customer.hang_up("c-1").await;
    let delivery = customer.delivery_after("c-1", 1).await;
    let resend = format!("/v1/deliveries/{}/resend", delivery["id"].as_str().unwrap());
    let recover = format!("/v1/destinations/{id}/recover");
    let all = json!({"since": "2026-09-01T00:00:00Z"});
    assert_eq!(customer.call(Method::POST, &resend, None).await.1["code"], "under_way", "it is soon");
    let counted = json!({"since": "2026-09-01T00:00:00Z", "dry_run": true});
    let found =
        async || customer.recovered(customer.call(Method::POST, &recover, Some(&counted)).await).await[0];
    assert_eq!(found().await, 0);
    for attempt in 2..=4 {
        world.advance(&hand, RETRY_AFTER).await;
        customer.delivery_after("c-1", attempt).await;
    }
    world.stack.receiver.answer("/hooks", Answer::Status(200));
    assert_eq!(found().await, 1);
    assert_eq!(customer.call(Method::POST, &recover, Some(&all)).await.0, StatusCode::ACCEPTED);
    eventually("the recovery", async || (customer.deliveries_of("c-1").await.len() == 2).then_some(())).await;
    assert_eq!(customer.call(Method::POST, &resend, None).await.0, StatusCode::ACCEPTED);
    let statuses = async || {
        let mut deliveries = customer.deliveries_of("c-1").await;
        deliveries.sort_by_key(|delivery| delivery["created_at"].to_string());
        deliveries.iter().map(|delivery| delivery["status"].clone()).collect::<Vec<_>>()
    };
    let resent = json!(["retrying", "delivered", "delivered"]);
    eventually("both", async || (json!(statuses().await) == resent).then_some(())).await;
    world.advance(&hand, EXTENDED_WAITS[0]).await;
    let ended = json!(["delivered", "delivered", "delivered"]);
    eventually("its own attempt", async || (json!(statuses().await) == ended).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_url_is_where_the_next_attempt_goes() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    world.stack.receiver.answer("/old", Answer::Status(500));
    let (id, _) = customer.add_destination(&world.stack.receiver.url("/old"), "POST").await;
    customer.hang_up("c-1").await;
    customer.delivery_after("c-1", 1).await;
    customer.change_destination(&id, &json!({"url": world.stack.receiver.url("/new")})).await;
    world.advance(&hand, RETRY_AFTER).await;
    customer.delivery_once("c-1", "delivered").await;
    assert_eq!(world.stack.receiver.received("/old").len(), 1);
    assert_eq!(world.stack.receiver.received("/new").len(), 1);
}

/// A receiver that hangs costs its own attempt ten seconds, and its neighbours nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_hangs_does_not_hold_up_the_others() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    world.stack.receiver.answer("/hangs", Answer::Hang);
    customer.add_destination(&world.stack.receiver.url("/hangs"), "POST").await;
    customer.add_destination(&world.stack.receiver.url("/works"), "POST").await;
    customer.hang_up("c-1").await;
    world.stack.receiver.wait_for("/works", 1).await;
    let timed_out = async || {
        let deliveries = customer.deliveries_of("c-1").await;
        deliveries.into_iter().find(|delivery| delivery["outcome"] == "timeout")
    };
    assert_eq!(timed_out().await, None, "not only after the other's ten seconds");
    crate::world::eventually("a timeout", timed_out).await;
}
