//! Conversations whose end is never reported.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::Scene;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_long_past_its_expected_end_fails_with_the_reason() {
    let (world, hand) = World::by_hand().await;
    let scene = Scene::set(world).await;
    let put = async |id: &str, end: &str| {
        let body = json!({"expected_end": end, "notes": "call back"});
        let record = scene.customer.put_conversation(id, &body).await;
        assert_eq!(record["expected_end"], end);
    };
    put("c-1", "2026-09-01T10:30:00.000Z").await;
    put("c-2", "2026-09-01T10:30:00.000Z").await;
    put("c-3", "2026-09-01T11:30:00.000Z").await;
    scene.customer.hang_up("c-2").await;
    scene.customer.delivery_once("c-2", "delivered").await;
    scene.world.quiet().await;

    hand.advance(Duration::from_secs(39 * 60));
    assert_eq!(
        scene.record().await["conversation_status"],
        json!(null),
        "not before ten minutes have passed"
    );
    hand.advance(Duration::from_secs(2 * 60));
    let delivery = scene.customer.delivery_once("c-1", "delivered").await;
    assert_eq!(delivery["event"], "conversation.failed");
    let record = scene.record().await;
    assert_eq!(
        record["notes"],
        "call back\nNo end was reported within 10 minutes after its expected end (2026-09-01T10:30:00.000Z)."
    );
    assert_eq!(record["ended_by"], "schedule");

    // A late callback becomes a note.
    scene.twilio.call("completed").await;
    let record = scene.record().await;
    assert_eq!(
        (&record["conversation_status"], &record["late_signals"][0]["event"]),
        (&json!("FAILED"), &json!("conversation.completed"))
    );
    let other = scene.customer.get("/v1/public/conversations/c-3").await;
    assert_eq!(other["conversation_status"], json!(null));
    scene.world.quiet().await;
    assert_eq!(scene.world.stack.receiver.received("/hooks").len(), 2, "c-1 and c-2, once each");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_end_can_be_moved_and_taken_back() {
    let (world, hand) = World::by_hand().await;
    let scene = Scene::set(world).await;
    scene.customer.put_conversation("c-1", &json!({"expected_end": "2026-09-01T10:30:00Z"})).await;
    scene.customer.put_conversation("c-2", &json!({"expected_end": "2026-09-01T10:30:00Z"})).await;
    scene.customer.put_conversation("c-3", &json!({"expected_end": "2026-09-01T10:30:00Z"})).await;
    scene.customer.put_conversation("c-1", &json!({"expected_end": null})).await;
    scene.customer.put_conversation("c-2", &json!({"expected_end": "2026-09-01T12:30:00+01:00"})).await;
    hand.advance(Duration::from_secs(45 * 60));
    scene.customer.delivery_once("c-3", "delivered").await;
    for id in ["c-1", "c-2"] {
        let record = scene.customer.get(&format!("/v1/public/conversations/{id}")).await;
        assert_eq!(record["conversation_status"], json!(null), "{id}");
    }
    let wrong = json!({"expected_end": "tomorrow"});
    let (status, problem) = scene.customer.call(Method::PUT, "/v1/conversations/c-1", Some(&wrong)).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("expected_end"))
    );
}
