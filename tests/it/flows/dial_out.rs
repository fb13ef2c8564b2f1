//! A call that Daily dials out, from the first try to the recording.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::Scene;
use crate::described::send;
use crate::providers::{Daily, ROOM};
use crate::world::{World, eventually};

/// The number of the customer's agent.
const AGENT: &str = "+14155550999";

/// Word of a dial-out to a number, at this second of the meeting.
fn dialed(daily: &Daily, second: u64, kind: &str, number: &str) -> RequestBuilder {
    let at = daily.now + second;
    let session = format!("7d208e2a-{number}");
    let more =
        json!({"timestamp": at.to_string(), "session_id": session, "destination": number, "origin": AGENT});
    webhook(daily, second, kind, &more)
}

/// A webhook with an id of its own.
fn webhook(daily: &Daily, second: u64, kind: &str, more: &Value) -> RequestBuilder {
    let mut payload = json!({"room": ROOM});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let body = json!({"version": "1.0.0", "type": kind, "id": format!("{kind}-{second}"), "payload": payload,
        "event_ts": daily.now + second});
    daily.later(second).body(body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_answered_at_the_third_try_and_transferred_is_one_completed_conversation() {
    let (world, hand) = World::by_hand_as(&[("SettleSeconds", "10")]).await;
    let scene = Scene::set(world).await;
    let (daily, receiver) = (&scene.daily, &scene.world.stack.receiver);
    scene.customer.put_conversation("c-1", &json!({"agent_id": "ava"})).await;
    let joined = |second: u64, owner: bool| json!({"joined_at": daily.now + second, "owner": owner});
    let end = json!({"start_ts": daily.now + 1, "end_ts": daily.now + 181, "meeting_id": "m-1"});
    let story = [
        (1, webhook(daily, 1, "participant.joined", &joined(1, true)), "ignored", Value::Null),
        (12, dialed(daily, 12, "dialout.error", "+14155550101"), "applied", Value::Null),
        (24, dialed(daily, 24, "dialout.error", "+14155550102"), "applied", Value::Null),
        (31, dialed(daily, 31, "dialout.answered", "+14155550103"), "applied", json!("IN_PROGRESS")),
        (32, webhook(daily, 32, "participant.joined", &joined(32, false)), "applied", json!("IN_PROGRESS")),
        // The agent transfers the caller, and leaves.
        (90, dialed(daily, 90, "dialout.answered", "+14155550104"), "applied", json!("IN_PROGRESS")),
        (95, webhook(daily, 95, "participant.left", &joined(1, true)), "ignored", json!("IN_PROGRESS")),
        (180, dialed(daily, 180, "dialout.stopped", "+14155550104"), "ignored", json!("IN_PROGRESS")),
        (181, dialed(daily, 181, "dialout.stopped", "+14155550103"), "ignored", json!("IN_PROGRESS")),
        (182, webhook(daily, 182, "participant.left", &joined(32, false)), "applied", json!("IN_PROGRESS")),
        (190, webhook(daily, 190, "meeting.ended", &end), "applied", json!("COMPLETED")),
        // Out of order, and twice.
        (191, dialed(daily, 24, "dialout.error", "+14155550102"), "applied", json!("COMPLETED")),
        (191, webhook(daily, 190, "meeting.ended", &end), "applied", json!("COMPLETED")),
    ];
    let mut now = 0;
    for (second, webhook, result, status) in story {
        hand.advance(Duration::from_secs(second - now));
        now = second;
        assert_eq!(send(webhook).await, (StatusCode::OK, json!({"result": result})), "{second}");
        assert_eq!(scene.record().await["conversation_status"], status, "{second}");
        scene.world.at_rest().await;
        assert!(receiver.received("/hooks").is_empty(), "{second}: the end settles");
    }
    hand.advance(Duration::from_secs(12));
    eventually("an event", async || (!receiver.received("/hooks").is_empty()).then_some(())).await;
    scene.world.at_rest().await;
    let payload = scene.event().await;
    for (field, value) in [
        ("event", json!("conversation.completed")),
        ("conversation_id", json!("c-1")),
        ("agent_id", json!("ava")),
        ("conversation_type", json!("TELEPHONY")),
        ("conversation_status", json!("COMPLETED")),
        ("conversation_duration", json!(180)),
        ("conversation_recording_url", Value::Null),
        ("calling_type", json!("OUTBOUND")),
        ("telephony_provider", json!("DAILY")),
        ("to_mobile_number", json!("+14155550103")),
        ("from_mobile_number", json!(AGENT)),
    ] {
        assert_eq!(payload[field], value, "{field}");
    }

    // The recording is ready, and the platform fetches its URL. The next meeting's is not this conversation's.
    for (id, began, result) in [("r-2", 195, "parked"), ("r-1", 31, "applied")] {
        assert_eq!(
            send(daily.recording(id, began)).await,
            (StatusCode::OK, json!({"result": result})),
            "{id}"
        );
    }
    let metadata = &scene.record().await["conversation_metadata"];
    assert_eq!(metadata["daily_recording_id"], "r-1");
    let url = json!({"conversation_id": "c-1", "conversation_status": "COMPLETED",
        "conversation_recording_url": "https://example.com/r-1.mp4"});
    let (status, _) = scene.customer.call(Method::POST, "/v1/flows/hangup", Some(&url)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(scene.record().await["conversation_recording_url"], "https://example.com/r-1.mp4");
    scene.event().await;
}

/// Webhooks come in any order: an answer may be told after the end of the meeting.
#[tokio::test(flavor = "multi_thread")]
async fn row_52_an_answer_that_is_told_while_the_end_settles_is_in_the_event() {
    let (world, hand) = World::by_hand_as(&[("SettleSeconds", "10")]).await;
    let scene = Scene::set(world).await;
    let (daily, receiver) = (&scene.daily, &scene.world.stack.receiver);
    let end = json!({"start_ts": daily.now + 1, "end_ts": daily.now + 95, "meeting_id": "m-1"});
    let story = [
        (12, dialed(daily, 12, "dialout.error", "+14155550101"), Value::Null),
        (100, webhook(daily, 100, "meeting.ended", &end), json!("FAILED")),
        (105, dialed(daily, 31, "dialout.answered", "+14155550103"), json!("COMPLETED")),
    ];
    let mut now = 0;
    for (second, webhook, status) in story {
        hand.advance(Duration::from_secs(second - now));
        now = second;
        assert_eq!(send(webhook).await, (StatusCode::OK, json!({"result": "applied"})), "{second}");
        assert_eq!(scene.record().await["conversation_status"], status, "{second}");
        scene.world.at_rest().await;
        assert!(receiver.received("/hooks").is_empty(), "{second}: the end settles");
    }
    hand.advance(Duration::from_secs(12));
    eventually("an event", async || (!receiver.received("/hooks").is_empty()).then_some(())).await;
    let payload = scene.event().await;
    for (field, value) in [
        ("event", json!("conversation.completed")),
        ("conversation_status", json!("COMPLETED")),
        ("conversation_duration", json!(94)),
        ("to_mobile_number", json!("+14155550103")),
    ] {
        assert_eq!(payload[field], value, "{field}");
    }
    assert_eq!(scene.record().await["late_signals"], json!([]));
}
