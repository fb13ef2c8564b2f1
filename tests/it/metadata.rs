//! A conversation's metadata, from the platform's reports to the customer's endpoint.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, text};

#[tokio::test(flavor = "multi_thread")]
async fn metadata_travels_from_the_platform_to_the_destinations_that_want_it() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let usual = world.stack.receiver.url("/usual");
    customer.add_destination(&usual, "POST").await;
    let url = world.stack.receiver.url("/wanting");
    let wanting = json!({"name": "CRM", "url": url, "include": ["conversation_metadata"]});
    let (status, created) = customer.call(Method::POST, "/v1/destinations", Some(&wanting)).await;
    assert_eq!((status, &created["include"]), (StatusCode::CREATED, &wanting["include"]));
    let unknown = json!({"name": "CRM", "url": url, "include": ["everything"]});
    let (status, problem) = customer.call(Method::POST, "/v1/destinations", Some(&unknown)).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("include"))
    );

    let put = async |body: Value| customer.call(Method::PUT, "/v1/conversations/c-1", Some(&body)).await;
    let known = json!({"created_by": "ava", "conversation_type": "TELEPHONY", "to_mobile_number": "+1",
        "conversation_metadata": {"crm_id": 7, "campaign": "May"}});
    assert_eq!(put(known).await.0, StatusCode::OK);
    let reserved = json!({"conversation_metadata": {"calling_type": "INBOUND"}});
    let (status, problem) = put(reserved).await;
    let field = &problem["errors"][0]["field"];
    assert_eq!(
        (status, field),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("conversation_metadata.calling_type"))
    );
    let end = json!({"conversation_id": "c-1", "conversation_status": "COMPLETED",
        "conversation_metadata": {"campaign": null, "score": 1.5}});
    let (status, _) = customer.call(Method::POST, "/v1/flows/hangup", Some(&end)).await;
    assert_eq!(status, StatusCode::ACCEPTED);

    let call = json!({"to_mobile_number": "+1", "from_mobile_number": null, "calling_type": null,
        "telephony_provider": null, "conversation_recording_url": null, "conversation_duration": null});
    let mut metadata = json!({"crm_id": 7, "score": 1.5});
    metadata.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
    let plain = world.stack.receiver.wait_for("/usual", 1).await.remove(0).payload.unwrap();
    let whole = world.stack.receiver.wait_for("/wanting", 1).await.remove(0).payload.unwrap();
    let [plain, whole] = [plain, whole].map(|payload| String::from_utf8(payload.to_vec()).unwrap());
    let (start, last) = whole.split_once(",\"conversation_metadata\":").unwrap();
    assert_eq!(format!("{start}}}"), plain, "the sixteen keys are the same");
    assert_eq!(serde_json::from_str::<Value>(last.strip_suffix('}').unwrap()).unwrap(), metadata);

    let record = customer.get("/v1/public/conversations/c-1").await;
    assert_eq!((&record["conversation_metadata"], &record["created_by"]), (&metadata, &json!("ava")));
    assert_eq!((&record["conversation_analysis"], &record["to_mobile_number"]), (&Value::Null, &json!("+1")));

    // What comes after the end is in the record; the event stays as it was.
    assert_eq!(put(json!({"conversation_metadata": {"crm_id": null}})).await.0, StatusCode::OK);
    let record = customer.get("/v1/public/conversations/c-1").await;
    assert_eq!(record["conversation_metadata"]["crm_id"], Value::Null);
    for delivery in customer.deliveries_of("c-1").await {
        let shown = customer.get(&format!("/v1/deliveries/{}", text(&delivery["id"]))).await;
        let sent = if delivery["destination_id"] == created["id"] { &whole } else { &plain };
        assert_eq!(&text(&shown["payload"]), sent);
    }
}
