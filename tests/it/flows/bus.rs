//! `conversation.ended` on the platform's event bus, invoked asynchronously as EventBridge does.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Scene;
use crate::world::{World, eventually};

fn event(account: &str, status: &str) -> Value {
    json!({
        "version": "0", "id": "e-1", "detail-type": "conversation.ended", "source": "voice.platform",
        "detail": {"account_id": account, "conversation_id": "c-1", "conversation_status": status},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_bus_ends_its_conversation_once() {
    for (status, kind) in [("COMPLETED", "completed"), ("DISCONNECTED", "disconnected"), ("FAILED", "failed")]
    {
        let scene = Scene::set(World::start().await).await;
        let event = event(&scene.customer.account_id, status);
        for _ in 0..2 {
            assert_eq!(scene.world.invoke_async("Ingest", &event).await, StatusCode::ACCEPTED);
        }
        assert_eq!(scene.event().await["event"], format!("conversation.{kind}"));
        let record = scene.record().await;
        assert_eq!((&record["ended_by"], &record["late_signals"]), (&json!("event_bridge"), &json!([])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_bus_is_carried_byte_for_byte() {
    let scene = Scene::set(World::start().await).await;
    let transcript = r#"[{"z":1.50,"a":12345678901234567890123}]"#;
    let event = event(&scene.customer.account_id, "COMPLETED").to_string();
    let event = event.replace(
        "\"conversation_id\"",
        &format!("\"conversation_transcript\":{transcript},\"conversation_id\""),
    );
    let url = scene.world.stack.invoke_url("Ingest");
    scene.world.http.post(url).body(event).send().await.unwrap();
    scene.event().await;
    let requests = scene.world.stack.receiver.received("/hooks");
    let payload = String::from_utf8(requests[0].payload.clone().unwrap().to_vec()).unwrap();
    assert!(payload.contains(transcript), "{payload}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_tried_three_times_and_handed_to_the_failure_destination() {
    let (world, hand) = World::by_hand().await;
    let scene = Scene::set(world).await;
    let before = scene.record().await;
    let account = &scene.customer.account_id;
    let mut wrong_type = event(account, "COMPLETED");
    wrong_type["detail"]["conversation_duration"] = json!("142 s");
    let mut good_and_bad = json!([event("acc_none", "FAILED"), event(account, "FAILED")]);
    good_and_bad[1]["detail"]["conversation_id"] = json!("c-2");
    for event in [&wrong_type, &event(account, "IN_PROGRESS"), &json!({"surprise": 1}), &good_and_bad] {
        assert_eq!(scene.world.invoke_async("Ingest", event).await, StatusCode::ACCEPTED);
    }
    // One bad event does not affect another. Running invocations have to end before the clock passes their deadline.
    assert_eq!(scene.customer.delivery_once("c-2", "delivered").await["event"], "conversation.failed");
    scene.world.quiet().await;
    // Retries come after one minute and two more. The clock moves until all are made, because nothing reports a retry.
    let letters = eventually("four failed events", async || {
        scene.world.quiet().await;
        hand.advance(Duration::from_secs(30));
        (scene.world.messages_in("FailedEventsQueue").await == 4)
            .then_some(scene.world.read("FailedEventsQueue").await)
    })
    .await;
    let reasons: Vec<_> =
        letters.iter().map(|letter| letter["responsePayload"]["errorMessage"].to_string()).collect();
    for says in [
        "conversation_duration must be",
        "conversation_status must be",
        "not from the HTTP API",
        "account_id must be an existing account",
    ] {
        assert_eq!(reasons.iter().filter(|reason| reason.contains(says)).count(), 1, "{says}: {reasons:?}");
    }
    for letter in &letters {
        assert_eq!(letter["requestContext"]["approximateInvokeCount"], 3);
    }
    assert!(letters.iter().any(|letter| letter["requestPayload"] == wrong_type), "the whole event is kept");
    assert_eq!(scene.record().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_51_what_is_no_event_affects_no_other_of_its_array() {
    let scene = Scene::set(World::start().await).await;
    let mut good = event(&scene.customer.account_id, "COMPLETED");
    good.as_object_mut().unwrap().remove("id");
    let events = json!([1, good, {"id": "e-2", "detail-type": "conversation.ended"}]);
    assert_eq!(scene.world.invoke_async("Ingest", &events).await, StatusCode::ACCEPTED);
    assert_eq!(scene.customer.delivery_once("c-1", "delivered").await["event"], "conversation.completed");
}
