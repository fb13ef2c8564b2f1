//! Rate limits over ten seconds: of an account's requests, and of requests to a destination.

use std::collections::BTreeMap;
use std::time::Duration;

use local::receiver::Answer;
use reqwest::header::RETRY_AFTER;
use serde_json::json;

use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_asks_too_often_is_told_when_to_come_again_and_another_is_not() {
    let world = World::start_as(&[("ApiRateLimit", "5")]).await;
    let (greedy, other) = (world.customer("Greedy").await, world.customer("Other").await);
    let ask = async |key: &str, path: &str| {
        world.http.get(world.stack.url(path)).header("x-api-key", key).send().await.unwrap()
    };
    // More requests than two windows allow, spread over functions that check keys.
    let mut refused = None;
    for turn in 0..11 {
        let path = ["/v1/deliveries", "/v1/destinations"][turn % 2];
        let answer = ask(&greedy.key, path).await;
        if answer.status() != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(
        problem,
        json!({
            "type": "/docs#rate_limited",
            "status": 429,
            "code": "rate_limited",
            "detail": "An account may send 5 requests in ten seconds, and this one has sent more.",
        })
    );
    assert_eq!(ask(&other.key, "/v1/deliveries").await.status(), 200);
    assert_eq!(
        ask("vk_0000000000000000_0", "/v1/deliveries").await.status(),
        401,
        "a wrong key is not counted"
    );
}

/// Ten deliveries at once under a limit of three in ten seconds: each is delivered in one attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_with_a_limit_gets_everything_a_few_at_a_time() {
    let (world, hand) = World::by_hand_as(&[("DeliveryRateLimit", "3")]).await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    for number in 0..10 {
        customer.hang_up(&format!("c-{number}")).await;
    }
    let arrived = || world.stack.receiver.received("/hooks");
    while arrived().len() < 10 {
        world.at_rest().await;
        hand.advance(Duration::from_secs(5));
    }
    world.quiet().await;
    let mut windows: BTreeMap<u64, usize> = BTreeMap::new();
    for request in arrived() {
        *windows.entry(request.at_ms / 10_000).or_default() += 1;
    }
    assert!(windows.values().all(|requests| *requests <= 3), "{windows:?}");
    for number in 0..10 {
        let delivery = customer.delivery_once(&format!("c-{number}"), "delivered").await;
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
    assert_eq!(arrived().len(), 10);
}

/// After three timeouts in a row, two of five new deliveries are tried and three wait for a later window.
#[tokio::test(flavor = "multi_thread")]
async fn row_44_a_destination_that_hangs_is_sent_a_few_new_deliveries_at_a_time() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    world.stack.receiver.answer_next("/hooks", vec![Answer::Hang; 5]);
    let [seen, new] =
        [0..3, 3..8].map(|numbers| numbers.map(|number| format!("c-{number}")).collect::<Vec<_>>());
    for conversation in &seen {
        customer.hang_up(conversation).await;
    }
    for conversation in &seen {
        customer.delivery_after(conversation, 1).await;
    }
    world.idle().await; // the end of a batch tells the breaker
    for conversation in &new {
        customer.hang_up(conversation).await;
    }
    let untried = eventually("two more timeouts", async || {
        let mut untried = Vec::new();
        for conversation in &new {
            match &customer.deliveries_of(conversation).await[..] {
                [] => untried.push(conversation),
                [delivery] if delivery["outcome"] == "timeout" => {}
                _ => return None,
            }
        }
        (untried.len() <= new.len() - 2).then_some(untried)
    })
    .await;
    assert_eq!(untried.len(), 3, "{untried:?}");
    assert_eq!(world.stack.receiver.received("/hooks").len(), 5);

    world.quiet_in_time(&hand).await;
    for conversation in seen.iter().chain(&new) {
        let delivery = customer.delivery_once(conversation, "delivered").await;
        assert_eq!(delivery["attempts"], if untried.contains(&conversation) { 1 } else { 2 }, "{delivery}");
    }
}
