//! How long an ended conversation is kept.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::described::send;
use crate::providers::{CALL, Daily, ROOM, Twilio};
use crate::world::{Customer, World, text};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn is_kept(customer: &Customer, conversation: &str) -> bool {
    let path = format!("/v1/public/conversations/{conversation}");
    let (status, _) = customer.call(Method::GET, &path, None).await;
    assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&status), "{status}");
    status == StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_conversation_expires_with_its_links_and_its_id_is_free_again() {
    let retention = [("DeliveryRetentionDays", "7"), ("ConversationRetentionDays", "20")];
    let (world, hand) = World::by_hand_as(&retention).await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let twilio = Twilio::of(&world, &customer, "").await;
    customer.put_conversation("c-1", &json!({"twilio_call_sid": CALL})).await;
    customer
        .put_conversation("open", &json!({"twilio_call_sid": "CA00000000000000000000000000000002"}))
        .await;
    customer.hang_up("c-1").await;
    world.quiet().await;

    hand.advance(15 * DAY);
    customer.put_conversation("c-1", &json!({"notes": "changed"})).await;
    hand.advance(19 * DAY);
    assert!(is_kept(&customer, "c-1").await, "it counts from the last change");
    let (_, answer) = twilio.call("completed").await;
    assert_eq!(answer, json!({"result": "applied"}), "and so does the link");
    hand.advance(20 * DAY + Duration::from_secs(1));
    assert!(!is_kept(&customer, "c-1").await);
    assert!(is_kept(&customer, "open").await, "it has not ended");

    let (_, answer) = twilio.call("completed").await;
    assert_eq!(answer, json!({"result": "parked"}), "the link has expired, too");
    // No longer the event of the first: its row is expired, though the table has not removed it. (The rows of its deliveries
    // would refuse a second one's, so a conversation outlives them by a week, in which they are removed.)
    let event = customer.hang_up("c-1").await;
    world.quiet().await;
    let created_at = text(&customer.get(&format!("/v1/events/{event}")).await["created_at"]);
    assert_eq!(created_at, "2026-10-25T10:00:01.000Z");
    let record = customer.put_conversation("c-1", &json!({"twilio_call_sid": CALL})).await;
    assert_eq!(record["references"], json!([{"provider": "twilio", "id": CALL}]));
}

/// A reference that is first named with the end, or after it, is linked after the record was stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_made_at_the_end_or_after_it_expires_too() {
    let (world, hand) = World::by_hand_as(&[("ConversationRetentionDays", "90")]).await;
    let customer = world.customer("Acme").await;
    let hangup =
        json!({"conversation_id": "c-1", "conversation_status": "COMPLETED", "twilio_call_sid": CALL});
    customer.call(Method::POST, "/v1/flows/hangup", Some(&hangup)).await;
    customer.hang_up("c-2").await;
    customer.put_conversation("c-2", &json!({"daily_room": ROOM})).await;
    let twilio = Twilio::of(&world, &customer, "").await;
    let daily = Daily::of(&world, &customer).await;
    assert_eq!(twilio.call("completed").await.1, json!({"result": "applied"}));
    hand.advance(91 * DAY);
    assert_eq!(twilio.call("completed").await.1, json!({"result": "parked"}));
    let (_, answer) = send(daily.later(91 * 24 * 60 * 60).webhook("meeting.ended", &json!({}))).await;
    assert_eq!(answer, json!({"result": "parked"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_retention_an_ended_conversation_stays() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    customer.hang_up("c-1").await;
    world.quiet().await;
    hand.advance(4_000 * DAY);
    assert!(is_kept(&customer, "c-1").await);
}
