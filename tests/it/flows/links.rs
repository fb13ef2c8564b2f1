//! How a callback finds its conversation.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::described::send;
use crate::providers::{CALL, Daily, ROOM, Twilio};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_callback_may_name_its_conversation() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let naming = Twilio::of(&world, &customer, "conversation_id=c-9").await;
    let plain = Twilio::of(&world, &customer, "").await;
    assert_eq!(naming.call("ringing").await, (StatusCode::OK, json!({"result": "applied"})));
    assert_eq!(plain.call("completed").await, (StatusCode::OK, json!({"result": "applied"})));
    let delivery = customer.delivery_once("c-9", "delivered").await;
    assert_eq!(delivery["event"], "conversation.completed");
    let record = customer.get("/v1/public/conversations/c-9").await;
    assert_eq!(record["references"], json!([{"provider": "twilio", "id": CALL}]));
    let wrong = Twilio::of(&world, &customer, "conversation_id=a%20b").await;
    let (status, problem) = wrong.call("ringing").await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("conversation_id"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_of_an_unknown_call_wait_ten_minutes_for_their_conversation() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let twilio = Twilio::of(&world, &customer, "").await;
    let daily = Daily::of(&world, &customer).await;
    let parked = (StatusCode::OK, json!({"result": "parked"}));
    assert_eq!(twilio.call("completed").await, parked);
    assert_eq!(send(daily.webhook("meeting.ended", &json!({}))).await, parked);
    assert_eq!(send(daily.webhook("participant.left", &json!({"owner": false}))).await, parked);
    hand.advance(Duration::from_secs(9 * 60));
    let record = customer.put_conversation("c-1", &json!({"twilio_call_sid": CALL})).await;
    assert_eq!(record["conversation_status"], "COMPLETED", "the answer shows what was applied");
    assert_eq!(record["conversation_duration"], 7);
    customer.put_conversation("c-2", &json!({"daily_room": ROOM})).await;
    assert_eq!(customer.delivery_once("c-2", "delivered").await["event"], "conversation.completed");
    customer.delivery_once("c-1", "delivered").await;

    // Another room's webhook is discarded after waiting for ten minutes.
    let elsewhere = json!({"room": "elsewhere"});
    assert_eq!(send(daily.later(9 * 60).webhook("meeting.ended", &elsewhere)).await, parked);
    hand.advance(Duration::from_secs(10 * 60 + 1));
    let record = customer.put_conversation("c-3", &json!({"daily_room": "elsewhere"})).await;
    assert_eq!(record["conversation_status"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn word_of_a_rooms_last_meeting_does_not_end_the_next_one() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    let daily = Daily::of(&world, &customer).await;
    customer.put_conversation("c-1", &json!({"daily_room": ROOM})).await;
    hand.advance(Duration::from_secs(60));
    customer.put_conversation("c-2", &json!({"daily_room": ROOM})).await;
    hand.advance(Duration::from_secs(15));
    // The first meeting ended after the room had been linked to the second conversation.
    let end = json!({"start_ts": daily.now, "end_ts": daily.now + 65});
    assert_eq!(send(daily.later(75).webhook("meeting.ended", &end)).await.0, StatusCode::OK);
    let status = async |id: &str| {
        customer.get(&format!("/v1/public/conversations/{id}")).await["conversation_status"].clone()
    };
    assert_eq!((status("c-1").await, status("c-2").await), (json!("DISCONNECTED"), json!(null)));
    let end = json!({"start_ts": daily.now + 66, "end_ts": daily.now + 70});
    assert_eq!(send(daily.later(75).webhook("meeting.ended", &end)).await.0, StatusCode::OK);
    assert_eq!(status("c-2").await, json!("DISCONNECTED"));

    // A later meeting belongs to a conversation that is not known yet, so its webhook is parked.
    hand.advance(Duration::from_secs(60));
    let end = json!({"start_ts": daily.now + 80, "end_ts": daily.now + 130});
    let (_, answer) = send(daily.later(135).webhook("meeting.ended", &end)).await;
    assert_eq!(answer, json!({"result": "parked"}));
    let third = customer.put_conversation("c-3", &json!({"daily_room": ROOM})).await;
    assert_eq!(third["conversation_duration"], 50, "{third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_in_another_account_is_another_call() {
    let world = World::start().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    acme.put_conversation("c-1", &json!({"twilio_call_sid": CALL})).await;
    let theirs = Twilio::of(&world, &other, "").await;
    assert_eq!(theirs.call("completed").await, (StatusCode::OK, json!({"result": "parked"})));
    let record = acme.get("/v1/public/conversations/c-1").await;
    assert_eq!(record["conversation_status"], json!(null));
}
