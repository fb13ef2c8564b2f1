//! Resends with the latest payload.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::receiver::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Scene;
use crate::world::{eventually, text};

impl Scene {
    async fn resend(&self, delivery: &Value, body: &Value) -> (StatusCode, Value) {
        self.post(&format!("/v1/deliveries/{}/resend", text(&delivery["id"])), body).await
    }

    /// Sends a delivery's event again with the latest payload; returns the new delivery's id.
    async fn resend_latest(&self, delivery: &Value) -> String {
        let (status, sent) = self.resend(delivery, &json!({"payload": "latest"})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
        assert_eq!(sent["event_id"], delivery["event_id"]);
        text(&sent["delivery_id"])
    }

    async fn shown(&self, id: &str) -> Value {
        self.customer.get(&format!("/v1/deliveries/{id}")).await
    }

    /// Waits until a delivery has failed so often.
    async fn failed(&self, id: &str, attempts: usize) {
        eventually("a failed attempt", async || {
            let (_, delivery) = self.customer.call(Method::GET, &format!("/v1/deliveries/{id}"), None).await;
            let log = delivery["attempt_log"].as_array()?;
            (log.len() == attempts && log[attempts - 1]["outcome"] == "http_error").then_some(())
        })
        .await;
    }

    async fn note(&self, notes: &str) {
        let change = json!({"notes": notes, "conversation_metadata": {"note": notes}});
        self.customer.put_conversation("c-1", &change).await;
    }
}

fn notes(payload: &[u8]) -> Value {
    let payload: Value = serde_json::from_slice(payload).unwrap();
    json!([payload["notes"], payload["conversation_metadata"]["note"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_payload_is_the_record_when_it_is_asked_for_in_all_four_attempts() {
    let scene = Scene::set().await;
    let include = json!({"include": ["conversation_metadata"]});
    scene.customer.change_destination(&scene.destination, &include).await;
    scene.note("first").await;
    scene.customer.hang_up("c-1").await;
    let first = scene.customer.delivery_once("c-1", "delivered").await;
    scene.note("second").await;
    scene.world.stack.receiver.answer("/hooks", Answer::Status(500));
    let again = scene.resend_latest(&first).await;
    for attempts in 1..=4 {
        scene.note("third").await;
        scene.failed(&again, attempts).await;
        scene.world.advance(&scene.hand, Duration::from_secs(10)).await;
    }
    scene.world.quiet().await;
    let requests = scene.world.stack.receiver.received("/hooks");
    let payloads: Vec<_> = requests.iter().map(|request| request.payload.as_deref().unwrap()).collect();
    assert_eq!(notes(payloads[0]), json!(["first", "first"]));
    assert_eq!(notes(payloads[1]), json!(["second", "second"]));
    assert!(payloads[1..].iter().all(|payload| *payload == payloads[1]) && payloads.len() == 5);
    assert!(
        requests.iter().all(|request| request.headers["webhook-id"] == requests[0].headers["webhook-id"])
    );
    let changed = std::str::from_utf8(payloads[1]).unwrap().replace("second", "first");
    assert_eq!(changed.as_bytes(), payloads[0], "the other fields are the same");

    let again = scene.shown(&again).await;
    assert_eq!((&again["trigger"], &again["status"]), (&json!("resend_latest"), &json!("exhausted")));
    assert_eq!(text(&again["payload"]).as_bytes(), payloads[1]);
    assert_eq!(text(&scene.shown(&text(&first["id"])).await["payload"]).as_bytes(), payloads[0]);

    // A recovery sends the original, and so does a resend that asks for nothing else.
    scene.world.stack.receiver.answer("/hooks", Answer::Status(200));
    let since = json!({"since": "2026-09-01T00:00:00Z"});
    assert_eq!(scene.recover(&since).await.0, StatusCode::ACCEPTED);
    scene.world.stack.receiver.wait_for("/hooks", 6).await;
    let (status, sent) = scene.resend(&again, &json!({"payload": "original"})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
    let requests = scene.world.stack.receiver.wait_for("/hooks", 7).await;
    assert!(requests[5..].iter().all(|request| request.payload.as_deref() == Some(payloads[0])));
    assert_eq!(scene.delivered(&text(&sent["delivery_id"])).await["trigger"], "resend");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_made_is_refused() {
    let scene = Scene::set().await;
    scene.customer.hang_up("c-1").await;
    let delivery = scene.customer.delivery_once("c-1", "delivered").await;
    for wrong in [json!({"payload": "newest"}), json!({"payload": 1}), json!({"payload": null})] {
        let (status, problem) = scene.resend(&delivery, &wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let rule = "must be original or latest";
        assert_eq!(problem["errors"], json!([{"field": "payload", "rule": rule}]), "{wrong}");
    }

    // The record is gone before its event.
    let pk = AttributeValue::S(format!("{}#c-1", scene.customer.account_id));
    let table = &scene.world.stack.resources.tables["ConversationsTable"];
    let delete = scene.world.stack.clients.dynamodb.delete_item().table_name(table);
    delete.key("pk", pk).key("sk", AttributeValue::S("record".to_owned())).send().await.unwrap();
    let latest = json!({"payload": "latest"});
    let (status, problem) = scene.resend(&delivery, &latest).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("no_record")), "{problem}");
    assert_eq!(scene.resend(&delivery, &json!({})).await.0, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_payload_is_deleted_with_its_conversation_and_not_sent_again() {
    let scene = Scene::set().await;
    scene.note("private").await;
    scene.customer.hang_up("c-1").await;
    let delivery = scene.customer.delivery_once("c-1", "delivered").await;
    scene.world.stack.receiver.answer("/hooks", Answer::Status(500));
    let again = scene.resend_latest(&delivery).await;
    scene.failed(&again, 1).await;
    let deleted = scene.customer.call(Method::DELETE, "/v1/conversations/c-1", None).await;
    assert_eq!(deleted.0, StatusCode::NO_CONTENT);
    scene.world.advance(&scene.hand, Duration::from_secs(10)).await;
    scene.world.quiet().await;
    assert_eq!(scene.world.stack.receiver.received("/hooks").len(), 2);
    let kept = crate::forget::kept_of(&scene.world, &scene.customer.account_id).await;
    assert_eq!(kept, Vec::<String>::new());
    assert_eq!(scene.resend(&delivery, &json!({"payload": "latest"})).await.0, StatusCode::NOT_FOUND);
}
