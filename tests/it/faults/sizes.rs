//! Items that are too large for a table: part of row 38.

use serde_json::json;

use super::api::Api;
use super::site::Site;
use super::tables::noise;
use crate::world::text;

/// A name of the longest kind at a provider.
fn name(number: usize) -> String {
    format!("CA{number:0>126}")
}

#[tokio::test(flavor = "multi_thread")]
async fn row_38_a_conversation_has_at_most_twenty_references() {
    let api = Api::of(Site::by_hand().await.0).await;
    for number in 0..20 {
        let (status, _, body) = api.put("c-1", json!({"twilio_call_sid": name(number)})).await;
        assert_eq!(status, 200, "{number}: {body}");
    }
    let rule = "is one too many: a conversation can have 20 references";
    let (status, _, body) = api.put("c-1", json!({"daily_room": "one-more"})).await;
    assert_eq!((status, &body["errors"][0]), (422, &json!({"field": "daily_room", "rule": rule})));
    let (status, _, body) = api.put("c-1", json!({"twilio_call_sid": name(7)})).await;
    assert_eq!(status, 200, "one that it has: {body}");
    let end =
        json!({"conversation_id": "c-1", "conversation_status": "COMPLETED", "twilio_call_sid": name(21)});
    let (status, _, body) = api.end("c-1", end).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("twilio_call_sid")));
    assert_eq!(api.hang_up("c-1").await.0, 202);
}

/// Whatever is accepted of a conversation, its end is, too.
#[tokio::test(flavor = "multi_thread")]
async fn row_38_a_large_conversation_with_many_names_can_end() {
    let api = Api::of(Site::by_hand().await.0).await;
    let mut largest = 0;
    for kilobytes in (420..=480).step_by(10) {
        let line = noise(kilobytes * 1024);
        let record = json!({"conversation_transcript": [{"role": "user", "content": line}]});
        if api.put("c-1", record).await.0 == 200 {
            largest = kilobytes;
        }
    }
    assert!(largest > 0);
    for number in 0..247 {
        let (status, _, body) = api.put("c-1", json!({"twilio_call_sid": name(number)})).await;
        assert!([200, 413, 422].contains(&status), "{number}: {body}");
        if status != 200 {
            break;
        }
    }
    let (status, _, body) = api.hang_up("c-1").await;
    assert_eq!(status, 202, "{largest} KB: {body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_38_what_does_not_fit_into_an_item_is_answered_as_too_large() {
    let api = Api::of(Site::by_hand().await.0).await;
    let message = "Item size has exceeded the maximum allowed size";
    for ends in [false, true] {
        // An end that glanced at the record looks again.
        api.site
            .tables
            .on("PutItem")
            .first(1 + usize::from(ends))
            .refuse_because("ValidationException", message);
        let (status, _, body) =
            if ends { api.hang_up("c-1").await } else { api.put("c-1", json!({"notes": "n"})).await };
        assert_eq!((status, text(&body["code"])), (413, "too_large".to_owned()), "{ends}: {body}");
    }
}
