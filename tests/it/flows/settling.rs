//! Ends that settle: the event is complete, and there is one, in whatever order the reports come.

use std::time::Duration;

use local::clock::ClockControl;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Scene;
use crate::providers::CALL;
use crate::world::{World, eventually};

const WINDOW: Duration = Duration::from_secs(10);

/// How long the message of an end that settles waits at least.
const SENT_BEFORE: Duration = Duration::from_secs(12);

const SECOND: Duration = Duration::from_secs(1);

async fn scene() -> (Scene, ClockControl) {
    let (world, hand) = World::by_hand_as(&[("SettleSeconds", "10")]).await;
    (Scene::set(world).await, hand)
}

impl Scene {
    async fn hang_up(&self, more: Value) -> StatusCode {
        let mut body = json!({"conversation_id": "c-1", "conversation_status": "COMPLETED"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.customer.call(Method::POST, "/v1/flows/hangup", Some(&body)).await.0
    }

    fn received(&self) -> usize {
        self.world.stack.receiver.received("/hooks").len()
    }

    /// Moves the clock on until the first event has arrived, and returns its payload.
    async fn payload_after(&self, hand: &ClockControl, span: Duration) -> Value {
        hand.advance(span);
        eventually("an event", async || (self.received() > 0).then_some(())).await;
        self.world.at_rest().await;
        assert_eq!(self.received(), 1);
        self.event().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_first_and_the_platforms_hangup_with_the_transcript_later_make_one_complete_event() {
    let (scene, hand) = scene().await;
    scene.twilio.call("failed").await;
    hand.advance(3 * SECOND);
    scene.world.at_rest().await;
    assert_eq!(scene.received(), 0, "the platform may still speak");
    let transcript = json!([{"role": "user", "content": "hello"}]);
    assert_eq!(scene.hang_up(json!({"conversation_transcript": transcript})).await, StatusCode::ACCEPTED);
    let payload = scene.payload_after(&hand, Duration::ZERO).await;
    assert_eq!(payload["event"], "conversation.completed");
    assert_eq!(payload["conversation_transcript"], transcript);

    // Twilio's own message comes later and finds the event sent.
    hand.advance(SENT_BEFORE);
    scene.world.quiet().await;
    assert_eq!(scene.received(), 1);
    let record = scene.record().await;
    assert_eq!(
        (&record["ended_by"], &record["late_signals"][0]["flow"]),
        (&json!("hangup"), &json!("twilio"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_platforms_word_the_event_leaves_after_the_window() {
    let (scene, hand) = scene().await;
    scene.twilio.call("completed").await;
    hand.advance(WINDOW);
    scene.world.at_rest().await;
    assert_eq!(scene.received(), 0);
    let payload = scene.payload_after(&hand, SENT_BEFORE - WINDOW).await;
    assert_eq!(payload["event"], "conversation.completed");
    // What comes now is on the record only.
    assert_eq!(scene.hang_up(json!({"conversation_transcript": [1]})).await, StatusCode::ACCEPTED);
    scene.world.quiet().await;
    assert_eq!(scene.received(), 1);
    assert_eq!(scene.record().await["conversation_transcript"], json!([1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_asks_for_time_has_what_he_adds_in_the_payload() {
    let (scene, hand) = scene().await;
    assert_eq!(scene.hang_up(json!({"settle_seconds": 60})).await, StatusCode::ACCEPTED);
    hand.advance(50 * SECOND);
    scene.customer.put_conversation("c-1", &json!({"conversation_analysis": [{"score": 7}]})).await;
    scene.world.at_rest().await;
    assert_eq!(scene.received(), 0);
    let payload = scene.payload_after(&hand, 10 * SECOND).await;
    assert_eq!(payload["conversation_analysis"], json!([{"score": 7}]));

    for wrong in [json!(301), json!(-1), json!("1"), json!(1.5)] {
        let status = scene.hang_up(json!({"settle_seconds": wrong})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

/// The log has forgotten the event, and the record has not.
#[tokio::test(flavor = "multi_thread")]
async fn row_54_a_repeat_after_the_logs_retention_sends_nothing() {
    let (scene, hand) = scene().await;
    assert_eq!(scene.hang_up(json!({})).await, StatusCode::ACCEPTED);
    scene.payload_after(&hand, Duration::ZERO).await;
    hand.advance(Duration::from_secs(31 * 24 * 60 * 60));
    assert_eq!(scene.hang_up(json!({})).await, StatusCode::ACCEPTED);
    scene.twilio.call("completed").await;
    hand.advance(SENT_BEFORE);
    scene.world.quiet().await;
    assert_eq!(scene.received(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_55_a_conversation_that_is_deleted_while_its_end_settles_sends_nothing() {
    let (scene, hand) = scene().await;
    scene.twilio.call("completed").await;
    hand.advance(3 * SECOND);
    let deleted = scene.customer.call(Method::DELETE, "/v1/conversations/c-1", None).await;
    assert_eq!(deleted.0, StatusCode::NO_CONTENT);
    // Twilio is told that all is well, and the platform that the conversation is gone.
    assert_eq!(scene.twilio.call("completed").await.0, StatusCode::OK);
    assert_eq!(scene.hang_up(json!({"twilio_call_sid": CALL})).await, StatusCode::GONE);
    hand.advance(SENT_BEFORE);
    scene.world.quiet().await;
    assert_eq!(scene.received(), 0);
}
