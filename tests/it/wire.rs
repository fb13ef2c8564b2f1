//! The requests that arrive at a customer's endpoint, read by third-party parsers.

use std::collections::HashMap;

use bytes::Bytes;
use local::receiver::{Received, Signature};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::described;
use crate::world::{Customer, World};

const REQUEST_TYPES: [&str; 4] = ["GET", "POST", "PATCH", "PUT"];

/// The payload's keys in their documented order.
const KEYS: [&str; 16] = [
    "event",
    "id",
    "conversation_id",
    "agent_id",
    "conversation_type",
    "conversation_status",
    "notes",
    "conversation_duration",
    "conversation_recording_url",
    "calling_type",
    "telephony_provider",
    "to_mobile_number",
    "from_mobile_number",
    "is_test_call",
    "conversation_transcript",
    "conversation_analysis",
];

/// The two fields of a query or a form.
pub(crate) async fn fields(request: &Received) -> HashMap<String, Bytes> {
    if request.method == Method::GET {
        let url = url::Url::parse(&format!("https://x/?{}", request.query.clone().unwrap())).unwrap();
        return url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
    }
    let boundary = multer::parse_boundary(request.headers["content-type"].to_str().unwrap()).unwrap();
    let body = request.body.clone();
    let stream = futures_util::stream::once(async move { Ok::<_, std::io::Error>(body) });
    let mut form = multer::Multipart::new(stream, boundary);
    let mut fields = HashMap::new();
    while let Some(field) = form.next_field().await.unwrap() {
        fields.insert(field.name().unwrap().to_owned(), field.bytes().await.unwrap());
    }
    fields
}

/// Adds a destination of each request type; returns a verifier with each one's secret.
async fn one_of_each(world: &World, customer: &Customer) -> HashMap<&'static str, Webhook> {
    let mut verifiers = HashMap::new();
    for request_type in REQUEST_TYPES {
        let url = world.stack.receiver.url(&format!("/{request_type}?tenant=7"));
        let (_, secret) = customer.add_destination(&url, request_type).await;
        verifiers.insert(request_type, Webhook::new(&secret).unwrap());
    }
    verifiers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_type_carries_the_same_payload_signed() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let verifiers = one_of_each(&world, &customer).await;
    let transcript = json!([{"role": "user", "content": "é & = + % \"quoted\"\r\n--ringback"}]);
    let record = json!({
        "conversation_id": "c-1",
        "conversation_status": "COMPLETED",
        "agent_id": "68ea2517dbb84c09bae1ba0a",
        "conversation_duration": 142,
        "conversation_transcript": transcript,
    });
    let (status, accepted) = customer.call(Method::POST, "/v1/flows/hangup", Some(&record)).await;
    assert_eq!(status, StatusCode::ACCEPTED);

    let mut payloads = Vec::new();
    for request_type in REQUEST_TYPES {
        let requests = world.stack.receiver.wait_for(&format!("/{request_type}"), 1).await;
        let [request] = &requests[..] else { panic!("one request") };
        assert_eq!(request.method, request_type);
        let fields = fields(request).await;
        assert_eq!(fields["event"], "conversation.completed");
        assert!(request.query.as_deref().unwrap().starts_with("tenant=7"), "the URL's own query is kept");
        assert_eq!(request.headers["webhook-id"], accepted["event_id"].as_str().unwrap());
        assert_eq!(request.headers["webhook-attempt"], "1");
        verifiers[request_type].verify(&fields["payload"], &request.headers).unwrap();
        assert!(verifiers[request_type].verify(b"{}", &request.headers).is_err());
        payloads.push(fields["payload"].clone());
    }
    assert!(payloads.iter().all(|payload| *payload == payloads[0]), "byte-identical");
    let payload: Value = serde_json::from_slice(&payloads[0]).unwrap();
    described::check_payload(&payload);
    assert_eq!(payload["conversation_transcript"], transcript);
    assert_eq!(payload["notes"], Value::Null);
    assert_eq!(payload["conversation_analysis"], json!([]));
    let text = std::str::from_utf8(&payloads[0]).unwrap();
    let places: Vec<_> = KEYS.iter().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_json_is_the_payload_and_is_what_is_signed() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let mut verifiers = HashMap::new();
    for request_type in ["POST", "PATCH", "PUT"] {
        let url = world.stack.receiver.url(&format!("/{request_type}?tenant=7&event=own"));
        let body = json!({"name": "n8n", "url": url, "request_type": request_type, "format": "json"});
        let (status, made) = customer.call(Method::POST, "/v1/destinations", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let secret = made["secret"].as_str().unwrap();
        world.stack.receiver.trust(&format!("/{request_type}"), secret).unwrap();
        verifiers.insert(request_type, Webhook::new(secret).unwrap());
    }
    let (_, form_secret) = customer.add_destination(&world.stack.receiver.url("/form"), "POST").await;
    let transcript = json!([{"role": "user", "content": "é & = + % \"quoted\"\r\n--ringback \u{2028}"}]);
    let record = json!({
        "conversation_id": "c-1", "conversation_status": "FAILED", "conversation_transcript": transcript,
    });
    customer.call(Method::POST, "/v1/flows/hangup", Some(&record)).await;
    let form = world.stack.receiver.wait_for("/form", 1).await;
    let payload = fields(&form[0]).await["payload"].clone();
    Webhook::new(&form_secret).unwrap().verify(&payload, &form[0].headers).unwrap();
    for (request_type, verifier) in verifiers {
        let requests = world.stack.receiver.wait_for(&format!("/{request_type}"), 1).await;
        let [request] = &requests[..] else { panic!("one request") };
        assert_eq!(
            (request.method.as_str(), request.query.as_deref()),
            (request_type, Some("tenant=7&event=own"))
        );
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["content-length"], payload.len().to_string());
        assert_eq!(request.body, payload, "byte for byte what a form has");
        verifier.verify(&request.body, &request.headers).unwrap();
        assert_eq!(request.signature, Signature::Verified);
        assert_eq!(request.event.as_deref(), Some("conversation.failed"), "from the payload");
    }
    for delivery in customer.deliveries_of("c-1").await {
        let delivery = customer.get(&format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await;
        let request = &delivery["attempt_log"][0]["request"];
        let is_form = request["url"].as_str().unwrap().ends_with("/form");
        let content_type = request["headers"]["content-type"].as_str().unwrap();
        assert_eq!(content_type == "application/json", !is_form, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_headers_and_chosen_events_are_respected() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let body = json!({
        "name": "Only failures",
        "url": world.stack.receiver.url("/failures"),
        "events": ["conversation.failed"],
        "headers": {"Authorization": "Bearer canary"},
    });
    let (status, made) = customer.call(Method::POST, "/v1/destinations", Some(&body)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(made["headers"], json!({"authorization": "********"}));
    customer.hang_up("completed").await;
    let failed = json!({"conversation_id": "failed", "conversation_status": "FAILED"});
    customer.call(Method::POST, "/v1/flows/hangup", Some(&failed)).await;
    let requests = world.stack.receiver.wait_for("/failures", 1).await;
    assert_eq!(requests[0].headers["authorization"], "Bearer canary");
    assert_eq!(requests[0].event.as_deref(), Some("conversation.failed"));
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/failures").len(), 1);
    assert!(customer.deliveries_of("completed").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_that_is_too_long_is_trimmed_or_refused_and_the_log_says_so() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (_, secret) = customer.add_destination(&world.stack.receiver.url("/get"), "GET").await;
    let long = "x".repeat(20_000);
    let hang_up = async |id: &str, field: &str, value: Value| {
        let record = json!({"conversation_id": id, "conversation_status": "COMPLETED", field: value});
        customer.call(Method::POST, "/v1/flows/hangup", Some(&record)).await
    };
    hang_up("trimmed", "conversation_transcript", json!([long])).await;
    let delivery = customer.delivery_once("trimmed", "delivered").await;
    assert_eq!(delivery["attempt_log"][0]["payload_trimmed"], json!(["conversation_transcript"]));
    let requests = world.stack.receiver.wait_for("/get", 1).await;
    let payload = fields(&requests[0]).await["payload"].clone();
    Webhook::new(&secret).unwrap().verify(&payload, &requests[0].headers).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap()["conversation_transcript"], json!([]));

    hang_up("refused", "notes", json!(long)).await;
    let delivery = customer.delivery_once("refused", "exhausted").await;
    assert_eq!(delivery["outcome"], "url_too_long");
    assert_eq!(delivery["attempts"], 1);
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/get").len(), 1);
}
