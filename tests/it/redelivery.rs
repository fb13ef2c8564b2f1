//! Resends, test events, recovery, rotated secrets, masked headers and stats.

mod latest;

use std::time::Duration;

use local::clock::ClockControl;
use local::receiver::{Answer, Signature};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, eventually, text};

/// A customer with one destination, whose receiver verifies signatures.
struct Scene {
    world: World,
    hand: ClockControl,
    customer: Customer,
    destination: String,
}

impl Scene {
    async fn set() -> Self {
        let (world, hand) = World::by_hand().await;
        let customer = world.customer("Acme").await;
        let (destination, secret) =
            customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
        world.stack.receiver.trust("/hooks", &secret).unwrap();
        Self { world, hand, customer, destination }
    }

    /// Ends a conversation and lets its delivery fail four times; returns the delivery.
    async fn exhaust(&self, conversation: &str) -> Value {
        self.world.stack.receiver.answer("/hooks", Answer::Status(500));
        self.customer.hang_up(conversation).await;
        for attempt in 1..=4 {
            self.customer.delivery_after(conversation, attempt).await;
            self.world.advance(&self.hand, Duration::from_secs(10)).await;
        }
        self.world.quiet().await;
        self.world.stack.receiver.answer("/hooks", Answer::Status(200));
        self.customer.delivery_once(conversation, "exhausted").await
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.customer.call(Method::POST, path, Some(body)).await
    }

    async fn recover(&self, body: &Value) -> (StatusCode, Value) {
        self.post(&format!("/v1/destinations/{}/recover", self.destination), body).await
    }

    /// Waits until a delivery has succeeded, and returns it.
    async fn delivered(&self, id: &str) -> Value {
        eventually("a successful delivery", async || {
            let (status, delivery) =
                self.customer.call(Method::GET, &format!("/v1/deliveries/{id}"), None).await;
            (status == StatusCode::OK && delivery["status"] == "delivered").then_some(delivery)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_is_a_new_delivery_of_the_same_event() {
    let scene = Scene::set().await;
    let first = scene.exhaust("c-1").await;
    let path = format!("/v1/deliveries/{}/resend", text(&first["id"]));
    let (status, sent) = scene.post(&path, &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
    assert_eq!(sent["event_id"], first["event_id"]);
    let again = scene.delivered(&text(&sent["delivery_id"])).await;
    assert_eq!((&again["trigger"], &again["attempts"]), (&json!("resend"), &json!(1)));
    let requests = scene.world.stack.receiver.received("/hooks");
    assert_eq!(requests.len(), 5);
    assert_eq!(requests[4].headers["webhook-id"], requests[0].headers["webhook-id"]);
    assert_eq!(requests[4].payload, requests[0].payload);
    assert_eq!(again["payload"].as_str().unwrap().as_bytes(), requests[0].payload.as_ref().unwrap());
    let newest = &scene.customer.get("/v1/deliveries").await["deliveries"][0];
    assert_eq!(newest["id"], sent["delivery_id"], "it is listed as new");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_again_says_why() {
    let scene = Scene::set().await;
    scene.world.stack.receiver.answer("/hooks", Answer::Status(500));
    scene.customer.hang_up("c-1").await;
    let path =
        format!("/v1/deliveries/{}/resend", text(&scene.customer.delivery_after("c-1", 1).await["id"]));
    let code = async |path: &str| {
        let (status, problem) = scene.post(path, &json!({})).await;
        (status, text(&problem["code"]))
    };
    assert_eq!(code(&path).await, (StatusCode::CONFLICT, "under_way".to_owned()));
    assert_eq!(code("/v1/deliveries/dlv_none/resend").await, (StatusCode::NOT_FOUND, "not_found".to_owned()));
    scene.customer.change_destination(&scene.destination, &json!({"status": "disabled"})).await;
    scene.world.advance(&scene.hand, Duration::from_secs(10)).await;
    scene.customer.delivery_once("c-1", "cancelled").await;
    let test = format!("/v1/destinations/{}/test", scene.destination);
    for path in [&path, &test] {
        assert_eq!(code(path).await, (StatusCode::CONFLICT, "disabled".to_owned()));
    }
    let since = json!({"since": "2026-09-01T00:00:00Z"});
    assert_eq!(scene.recover(&since).await.0, StatusCode::CONFLICT);
    let (status, problem) = scene.recover(&json!({"since": "yesterday"})).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("since")));
    let deleted = format!("/v1/destinations/{}", scene.destination);
    assert_eq!(scene.customer.call(Method::DELETE, &deleted, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(code(&path).await, (StatusCode::CONFLICT, "no_destination".to_owned()));
    assert_eq!(code(&test).await, (StatusCode::NOT_FOUND, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_goes_to_its_destination_alone_and_is_marked() {
    let scene = Scene::set().await;
    scene.customer.add_destination(&scene.world.stack.receiver.url("/other"), "POST").await;
    let path = format!("/v1/destinations/{}/test", scene.destination);
    let (status, sent) = scene.post(&path, &json!({"event": "conversation.failed"})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
    let delivery = scene.delivered(&text(&sent["delivery_id"])).await;
    assert_eq!((&delivery["trigger"], &delivery["event"]), (&json!("test"), &json!("conversation.failed")));
    let shown = &delivery["attempt_log"][0]["request"];
    let sent_here = &scene.world.stack.receiver.received("/hooks")[0].headers["webhook-signature"];
    assert_eq!(
        (&shown["method"], &shown["headers"]["webhook-signature"]),
        (&json!("POST"), &json!(sent_here.to_str().unwrap()))
    );
    let payload: Value = serde_json::from_str(delivery["payload"].as_str().unwrap()).unwrap();
    assert_eq!((&payload["is_test_call"], &payload["conversation_status"]), (&json!(true), &json!("FAILED")));
    let record = format!("/v1/public/conversations/{}", text(&sent["conversation_id"]));
    assert_eq!(
        scene.customer.get(&record).await["is_test_call"],
        true,
        "a receiver that looks it up finds it"
    );
    scene.world.quiet().await;
    assert_eq!(scene.world.stack.receiver.received("/other").len(), 0);
    let (status, problem) = scene.post(&path, &json!({"event": "conversation.started"})).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("event")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_sends_again_what_failed_and_once_only() {
    let scene = Scene::set().await;
    scene.exhaust("c-1").await;
    scene.exhaust("c-2").await;
    scene.customer.hang_up("c-3").await;
    scene.customer.delivery_once("c-3", "delivered").await;
    scene.customer.change_destination(&scene.destination, &json!({"status": "disabled"})).await;
    scene.customer.hang_up("c-4").await;
    scene.customer.delivery_once("c-4", "skipped").await;
    scene.customer.change_destination(&scene.destination, &json!({"status": "enabled"})).await;
    scene.world.quiet().await;
    let before = scene.world.stack.receiver.received("/hooks").len();

    let found = async |since: &str| {
        let count = json!({"since": since, "dry_run": true});
        scene.customer.recovered(scene.recover(&count).await).await[0]
    };
    assert_eq!(found("2026-09-01T00:00:00Z").await, 3);
    assert_eq!(found("2026-09-01T10:00:05Z").await, 2, "c-1 was before");
    assert_eq!(scene.world.stack.receiver.received("/hooks").len(), before, "a dry run sends nothing");

    let all = json!({"since": "2026-09-01T00:00:00Z"});
    let answers = futures_util::future::join_all([scene.recover(&all), scene.recover(&all)]).await;
    for (status, started) in answers {
        assert_eq!((status, &started["state"]), (StatusCode::ACCEPTED, &json!("finding")));
    }
    for conversation in ["c-1", "c-2", "c-4"] {
        eventually("a successful delivery", async || {
            let deliveries = scene.customer.deliveries_of(conversation).await;
            deliveries.iter().any(|delivery| delivery["status"] == "delivered").then_some(())
        })
        .await;
    }
    // The second message of a delivery waits for the lease to expire, and a worker may time out when the clock moves.
    // Their messages come back, until nothing is left.
    eventually("empty queues", async || {
        let mut left = 0;
        for queue in ["EventsQueue", "DeliveriesQueue", "DeadLettersQueue"] {
            left += scene.world.messages_in(queue).await;
        }
        if left > 0 {
            scene.hand.advance(Duration::from_secs(5));
        }
        (left == 0).then_some(())
    })
    .await;
    assert_eq!(found("2026-09-01T00:00:00Z").await, 0, "nothing is left to recover");
    assert_eq!(scene.world.stack.receiver.received("/hooks").len(), before + 3, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_good_beside_the_new_one_for_its_grace_time() {
    let scene = Scene::set().await;
    let verified = async |conversation: &str| {
        scene.customer.hang_up(conversation).await;
        scene.customer.delivery_once(conversation, "delivered").await;
        let requests = scene.world.stack.receiver.received("/hooks");
        let last = requests.last().unwrap();
        (last.signature, last.headers["webhook-signature"].to_str().unwrap().split(' ').count())
    };
    use Signature::{Refused, Verified};
    assert_eq!(verified("c-1").await, (Verified, 1));
    let path = format!("/v1/destinations/{}/secret/rotate", scene.destination);
    let (status, rotated) = scene.post(&path, &json!({"grace_hours": 2})).await;
    assert_eq!(status, StatusCode::OK, "{rotated}");
    assert_eq!(rotated["previous_secret_expires_at"], "2026-09-01T12:00:00.000Z");
    assert_eq!(verified("c-2").await, (Verified, 2), "the old secret still verifies");
    scene.world.stack.receiver.trust("/hooks", &text(&rotated["secret"])).unwrap();
    assert_eq!(verified("c-3").await, (Verified, 2), "and so does the new one");
    scene.hand.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(verified("c-4").await, (Verified, 1));
    let shown = scene.customer.get(&format!("/v1/destinations/{}", scene.destination)).await;
    assert!(shown.get("secret").is_none(), "{shown}");
    let (status, other) = scene.post(&path, &json!({"grace_hours": 0})).await;
    assert_eq!(status, StatusCode::OK, "{other}");
    assert!(matches!(verified("c-5").await, (Refused(_), 1)), "without a grace time, only the newest");
    for wrong in [json!({"grace_hours": 169}), json!({"grace_hours": "1"}), json!({"hours": 1})] {
        assert_eq!(scene.post(&path, &wrong).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_customers_own_signs_as_ours_do() {
    let scene = Scene::set().await;
    let [first, second] = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
        .map(|key| format!("whsec_{key}"));
    let url = scene.world.stack.receiver.url("/own");
    let destination = json!({"name": "Own", "url": url, "secret": first});
    let (status, made) = scene.post("/v1/destinations", &destination).await;
    assert_eq!((status, &made["secret"]), (StatusCode::CREATED, &json!(first)));
    let rotate = format!("/v1/destinations/{}/secret/rotate", text(&made["id"]));
    let verified = async |conversation: &str, secret: &str| {
        scene.world.stack.receiver.trust("/own", secret).unwrap();
        let before = scene.world.stack.receiver.received("/own").len();
        scene.customer.hang_up(conversation).await;
        scene.world.stack.receiver.wait_for("/own", before + 1).await.pop().unwrap().signature
    };
    assert_eq!(verified("c-1", &first).await, Signature::Verified);
    let (status, rotated) = scene.post(&rotate, &json!({"secret": second})).await;
    assert_eq!((status, &rotated["secret"]), (StatusCode::OK, &json!(second)));
    assert_eq!(verified("c-2", &second).await, Signature::Verified);
    assert_eq!(verified("c-3", &first).await, Signature::Verified);

    for wrong in [json!("whsec_c2hvcnQ="), json!("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), json!(7), Value::Null] {
        let mut destination = destination.clone();
        destination["secret"] = wrong.clone();
        for (path, body) in [("/v1/destinations", &destination), (&*rotate, &json!({"secret": wrong}))] {
            let (status, problem) = scene.post(path, body).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {problem}");
            let rule = "must be whsec_ and the base64 of 24 to 64 bytes";
            assert_eq!(problem["errors"], json!([{"field": "secret", "rule": rule}]));
        }
    }
    for _ in 0..3 {
        assert_eq!(scene.post(&rotate, &json!({})).await.0, StatusCode::OK);
    }
    let (status, problem) = scene.post(&rotate, &json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("too_many_secrets")), "{problem}");
    assert_eq!(scene.post(&rotate, &json!({"grace_hours": 0})).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_header_keeps_its_value() {
    let scene = Scene::set().await;
    let headers = json!({"headers": {"X-Token": "hush", "X-Other": "1"}});
    let shown = scene.customer.change_destination(&scene.destination, &headers).await;
    assert_eq!(shown["headers"], json!({"x-other": "********", "x-token": "********"}));
    let kept = json!({"headers": {"x-token": "********"}});
    scene.customer.change_destination(&scene.destination, &kept).await;
    scene.customer.hang_up("c-1").await;
    let requests = scene.world.stack.receiver.wait_for("/hooks", 1).await;
    assert_eq!(requests[0].headers["x-token"], "hush");
    assert!(!requests[0].headers.contains_key("x-other"));
    let (status, problem) = scene
        .customer
        .call(
            Method::PATCH,
            &format!("/v1/destinations/{}", scene.destination),
            Some(&json!({"headers": {"x-new": "********"}})),
        )
        .await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("headers.x-new"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_over_time() {
    let scene = Scene::set().await;
    scene.exhaust("c-1").await; // at 10:00:00, four attempts
    scene.customer.hang_up("c-2").await; // at 10:00:40
    scene.customer.delivery_once("c-2", "delivered").await;
    let query = format!(
        "/v1/stats?destination_id={}&from=2026-09-01T10:00:00Z&to=2026-09-01T10:01:00Z&buckets=2",
        scene.destination
    );
    let stats = scene.customer.get(&query).await;
    assert_eq!(
        (&stats["succeeded"], &stats["failed"], &stats["sampled"]),
        (&json!(1), &json!(4), &json!(false))
    );
    assert_eq!(stats["last"]["http_status"], 200);
    let mut buckets = stats["buckets"].clone();
    let mut latencies = Vec::new();
    for counted in [&stats, &buckets[0], &buckets[1]] {
        let [p50, p95] = ["p50_ms", "p95_ms"].map(|name| counted[name].as_u64().unwrap());
        assert!(p50 <= p95, "{counted}");
        latencies.push(p95);
    }
    assert_eq!(latencies[0], latencies[1].max(latencies[2]), "all five attempts count");
    for bucket in buckets.as_array_mut().unwrap() {
        bucket.as_object_mut().unwrap().retain(|name, _| !name.ends_with("_ms"));
    }
    assert_eq!(
        buckets,
        json!([
            {"start": "2026-09-01T10:00:00.000Z", "succeeded": 0, "failed": 4},
            {"start": "2026-09-01T10:00:30.000Z", "succeeded": 1, "failed": 0},
        ])
    );
    let other = scene.customer.get(&query.replace(&scene.destination, "dst_other")).await;
    assert_eq!((&other["succeeded"], &other["last"]), (&json!(0), &Value::Null));
}
