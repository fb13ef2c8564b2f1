//! Recordings, which are ready after their call or meeting has ended.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Scene;
use crate::described::send;
use crate::providers::{CALL, ROOM, Twilio};
use crate::world::World;

const RECORDING: &str = "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1";

fn applied() -> (StatusCode, Value) {
    (StatusCode::OK, json!({"result": "applied"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_ready_while_the_end_settles_is_in_the_payload() {
    let (world, hand) = World::by_hand_as(&[("SettleSeconds", "10")]).await;
    let scene = Scene::set(world).await;
    scene.twilio.call("completed").await;
    hand.advance(Duration::from_secs(5));
    assert_eq!(scene.twilio.recording("completed", RECORDING).await, applied());
    hand.advance(Duration::from_secs(7));
    assert_eq!(scene.event().await["conversation_recording_url"], RECORDING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_ready_later_changes_the_record_and_not_the_event() {
    let scene = Scene::set(World::start().await).await;
    scene.twilio.call("completed").await;
    assert_eq!(scene.event().await["conversation_recording_url"], Value::Null);
    let before = scene.record().await;
    for status in ["in-progress", "absent", "failed"] {
        let ignored = (StatusCode::OK, json!({"result": "ignored"}));
        assert_eq!(scene.twilio.recording(status, "").await, ignored, "{status}");
    }
    assert_eq!(scene.record().await, before);
    assert_eq!(scene.twilio.recording("completed", RECORDING).await, applied());
    let record = scene.record().await;
    assert_eq!(
        (&record["conversation_recording_url"], &record["conversation_status"]),
        (&json!(RECORDING), &json!("COMPLETED"))
    );
    assert_eq!(scene.event().await["conversation_recording_url"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_recording_stays() {
    let scene = Scene::set(World::start().await).await;
    let own = json!({"conversation_recording_url": "https://example.com/own.mp3",
        "conversation_metadata": {"daily_recording_id": "own"}});
    scene.customer.put_conversation("c-1", &own).await;
    let before = scene.record().await;
    assert_eq!(scene.twilio.recording("completed", RECORDING).await, applied());
    assert_eq!(send(scene.daily.recording("r-1", 1)).await, applied());
    assert_eq!(scene.record().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_an_unknown_call_waits_for_its_conversation() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let twilio = Twilio::of(&world, &customer, "").await;
    let parked = (StatusCode::OK, json!({"result": "parked"}));
    assert_eq!(twilio.recording("completed", RECORDING).await, parked);
    assert_eq!(twilio.call("completed").await, parked);
    let record = customer.put_conversation("c-1", &json!({"twilio_call_sid": CALL})).await;
    assert_eq!(record["conversation_recording_url"], RECORDING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_daily_belongs_to_the_meeting_in_which_it_began() {
    let (world, hand) = World::by_hand().await;
    let scene = Scene::set(world).await;
    let daily = &scene.daily;
    hand.advance(Duration::from_secs(60));
    let end = json!({"start_ts": daily.now, "end_ts": daily.now + 60});
    assert_eq!(send(daily.later(60).webhook("meeting.ended", &end)).await, applied());
    // The next conversation has the room, and its meeting has begun.
    hand.advance(Duration::from_secs(60));
    scene.customer.put_conversation("c-2", &json!({"daily_room": ROOM})).await;
    for (id, seconds) in [("r-1", 10), ("r-2", 90)] {
        assert_eq!(send(daily.recording(id, seconds)).await, applied());
    }
    for (conversation, recording) in [("c-1", "r-1"), ("c-2", "r-2")] {
        let record = scene.customer.get(&format!("/v1/public/conversations/{conversation}")).await;
        assert_eq!(record["conversation_metadata"], json!({"daily_recording_id": recording}));
        assert_eq!(record["conversation_recording_url"], Value::Null, "the platform has Daily's key");
    }
}
