//! `Idempotency-Key`: a repeated request does nothing more, and is answered as the first time.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::forget::kept_of;
use crate::world::{Customer, World, text};

/// The status, whether the answer is an earlier one, and the body.
type Answer = (StatusCode, bool, Value);

async fn post(world: &World, customer: &Customer, path: &str, key: &str, body: &Value) -> Answer {
    let request = world.http.request(Method::POST, world.stack.url(path));
    let request = request.header("x-api-key", &customer.key).header("idempotency-key", key);
    let answer =
        request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    let is_replayed = answer.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    (answer.status(), is_replayed, answer.json().await.unwrap())
}

fn destination(name: &str) -> Value {
    json!({"name": name, "url": format!("https://hooks.example.com/{name}")})
}

async fn destinations(customer: &Customer) -> usize {
    customer.get("/v1/destinations").await["destinations"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_same_answer_secret_included_and_creates_nothing() {
    let (world, hand) = World::by_hand().await;
    let (acme, other) = (world.customer("Acme").await, world.customer("Other").await);
    let create =
        async |customer, key, name| post(&world, customer, "/v1/destinations", key, &destination(name)).await;
    let first = create(&acme, "k-1", "a").await;
    assert_eq!((first.0, first.1), (StatusCode::CREATED, false), "{}", first.2);
    let secret = text(&first.2["secret"]);
    for _ in 0..2 {
        assert_eq!(create(&acme, "k-1", "a").await, (StatusCode::CREATED, true, first.2.clone()));
    }
    assert_eq!(destinations(&acme).await, 1);
    // What is kept is sealed.
    let rows = kept_of(&world, &acme.account_id).await.join("\n");
    assert!(
        rows.contains("answer#") && !rows.contains(&secret) && !rows.contains("hooks.example.com"),
        "{rows}"
    );
    // Another body, and another route.
    let reused = (StatusCode::UNPROCESSABLE_ENTITY, false, json!("idempotency_key_reused"));
    let rotate = format!("/v1/destinations/{}/secret/rotate", text(&first.2["id"]));
    for (status, replayed, problem) in
        [create(&acme, "k-1", "b").await, post(&world, &acme, &rotate, "k-1", &destination("a")).await]
    {
        assert_eq!((status, replayed, problem["code"].clone()), reused);
    }
    // Another account has keys of its own.
    assert_eq!(create(&other, "k-1", "a").await.0, StatusCode::CREATED);
    // Rotation shows a secret once, too.
    let rotated = post(&world, &acme, &rotate, "k-2", &json!({})).await;
    assert_ne!(text(&rotated.2["secret"]), secret);
    assert_eq!(post(&world, &acme, &rotate, "k-2", &json!({})).await, (StatusCode::OK, true, rotated.2));
    // A day later, the key is new.
    hand.advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(create(&acme, "k-1", "c").await.0, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_does_not_get_what_another_was_answered() {
    let world = World::start().await;
    let acme = world.customer("Acme").await;
    let path = "/v1/api-keys";
    let body = json!({"name": "CI", "scopes": ["ingest"]});
    assert_eq!(post(&world, &acme, path, "k-1", &body).await.0, StatusCode::CREATED);
    let manager = json!({"account_id": acme.account_id, "name": "Manager", "scopes": ["manage"]});
    let manager = world.stack.invoke("Destinations", &json!({"create_api_key": manager})).await.unwrap();
    let manager = Customer::with_key(world.stack.url(""), text(&manager["api_key"]));
    let (status, replayed, problem) = post(&world, &manager, path, "k-1", &body).await;
    assert_eq!((status, replayed), (StatusCode::UNPROCESSABLE_ENTITY, false), "{problem}");
    assert_eq!(problem["code"], "idempotency_key_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_is_sent_once_for_a_key() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let event = customer.hang_up("c-1").await;
    let delivery = text(&customer.delivery_once("c-1", "delivered").await["id"]);
    for (key, path, body) in [
        ("k-1", format!("/v1/deliveries/{delivery}/resend"), json!({})),
        ("k-2", format!("/v1/destinations/{destination}/test"), json!({})),
        ("k-3", format!("/v1/destinations/{destination}/recover"), json!({"since": "2026-01-01T00:00:00Z"})),
        ("k-4", "/v1/recoveries".to_owned(), json!({"since": "2026-01-01T00:00:00Z"})),
        ("k-5", format!("/v1/events/{event}/send"), json!({})),
    ] {
        let first = post(&world, &customer, &path, key, &body).await;
        assert_eq!((first.0, first.1), (StatusCode::ACCEPTED, false), "{path}: {}", first.2);
        assert_eq!(post(&world, &customer, &path, key, &body).await, (StatusCode::ACCEPTED, true, first.2));
    }
    world.quiet().await;
    // The event, its resend, the test, and the event again.
    assert_eq!(world.stack.receiver.received("/hooks").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_not_kept() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let wrong = json!({"name": "a", "url": "http://hooks.example.com/"});
    let (status, _, problem) = post(&world, &customer, "/v1/destinations", "k-1", &wrong).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid")));
    let corrected = post(&world, &customer, "/v1/destinations", "k-1", &destination("a")).await;
    assert_eq!((corrected.0, corrected.1), (StatusCode::CREATED, false), "{}", corrected.2);
    for key in ["", &"k".repeat(256)] {
        let (status, _, problem) = post(&world, &customer, "/v1/destinations", key, &destination("b")).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (StatusCode::BAD_REQUEST, &json!("Idempotency-Key"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_repeats_one_is_done_and_the_others_wait() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let body = destination("a");
    let answers = (0..10).map(|_| post(&world, &customer, "/v1/destinations", "k-1", &body));
    let answers = join_all(answers).await;
    assert_eq!(answers.iter().filter(|answer| answer.0 == StatusCode::CREATED && !answer.1).count(), 1);
    for (status, replayed, body) in answers {
        let waits = (status, &body["code"]) == (StatusCode::CONFLICT, &json!("idempotency_key_in_use"));
        assert!(waits || status == StatusCode::CREATED, "{status} {replayed} {body}");
    }
    assert_eq!(destinations(&customer).await, 1);
    let (status, replayed, _) = post(&world, &customer, "/v1/destinations", "k-1", &destination("a")).await;
    assert_eq!((status, replayed), (StatusCode::CREATED, true));
}
