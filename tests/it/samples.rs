//! Every file in `events/` does what its name says when its function is invoked with it.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::providers::{DAILY_SECRET, Daily, TWILIO_TOKEN, Twilio, sign_for_daily, sign_for_twilio};
use crate::world::{Customer, World};

/// The placeholders in the files for an account and its key.
const ACCOUNT: &str = "acc_000000000000000000000000";
const KEY: &str = "vk_0000000000000000_000000000000000000000000000000000000000000000000";

/// The id of the placeholder key.
const KEY_ID: &str = "vk_0000000000000000";

/// The conversation in the files.
const CONVERSATION: &str = "a28e7071-508e-4d45-8887-085531aafaba";

/// The expected result of a sample.
enum Expected {
    /// An HTTP response with this status whose body has this value at the pointer.
    Response(u64, &'static str, Value),
    /// An answer with a text at the pointer.
    Answer(&'static str),
    /// An answer with exactly this text.
    Exactly(&'static str),
    /// The conversation's record has this status, once the sample's room is linked to it.
    Leaves(&'static str),
    /// An error that contains this text.
    Error(&'static str),
    /// A batch whose items at these places are reported as failed.
    Failures(&'static [usize]),
}

fn expected() -> BTreeMap<&'static str, Expected> {
    use Expected::{Answer, Error, Exactly, Failures, Leaves, Response};
    let event = |kind: &str| Response(202, "/event", json!(format!("conversation.{kind}")));
    BTreeMap::from([
        ("destinations/create-account", Answer("/account_id")),
        ("destinations/create-api-key", Answer("/api_key")),
        ("destinations/list-accounts", Answer("/accounts/0/account_id")),
        ("destinations/delete-account", Answer("/state")),
        ("destinations/purge-accounts", Exactly("null")),
        ("destinations/show-account", Answer("/name")),
        ("destinations/suspend-account", Answer("/state")),
        ("destinations/resume-account", Answer("/state")),
        ("destinations/create-portal-link", Answer("/url")),
        ("destinations/create-destination", Response(201, "/status", json!("enabled"))),
        ("destinations/list-api-keys", Answer("/api_keys/0/key_id")),
        ("destinations/revoke-api-key", Answer("/revoked_at")),
        ("destinations/set-provider-secret", Answer("/callback_path")),
        ("destinations/create-destination-with-plain-http", Response(422, "/errors/0/field", json!("url"))),
        // Its event is not in the log, so the delivery is cancelled, which ends it.
        ("dispatch/deliver", Failures(&[])),
        // The account has no destinations, so there is nothing to send.
        ("dispatch/fan-out", Failures(&[])),
        ("dispatch/poison", Failures(&[0, 1, 2])),
        ("dispatch/reconcile", Failures(&[])),
        ("ingest/conversation-completed", event("completed")),
        ("ingest/conversation-disconnected", event("disconnected")),
        ("ingest/conversation-failed", event("failed")),
        ("ingest/daily-dialin-connected", Leaves("IN_PROGRESS")),
        ("ingest/daily-dialin-error", Response(200, "/result", json!("parked"))),
        ("ingest/daily-dialin-stopped", Response(200, "/result", json!("ignored"))),
        ("ingest/daily-dialout-answered", Leaves("IN_PROGRESS")),
        ("ingest/daily-dialout-error", Response(200, "/result", json!("parked"))),
        ("ingest/daily-dialout-stopped", Response(200, "/result", json!("ignored"))),
        ("ingest/daily-meeting-ended", Leaves("DISCONNECTED")),
        ("ingest/daily-participant-left", Leaves("IN_PROGRESS")),
        ("ingest/daily-recording-ready", Response(200, "/result", json!("parked"))),
        ("ingest/daily-registration-probe", Response(200, "/result", json!("ignored"))),
        ("ingest/end-overdue-conversations", Exactly(r#"{"ended":0,"failed":0}"#)),
        ("ingest/event-bridge-batch", Leaves("COMPLETED")),
        ("ingest/event-bridge-completed", Leaves("COMPLETED")),
        ("ingest/event-bridge-disconnected", Leaves("DISCONNECTED")),
        ("ingest/event-bridge-failed", Leaves("FAILED")),
        ("ingest/event-bridge-malformed", Error("conversation_duration must be")),
        ("ingest/outbound-call-answered", event("completed")),
        ("ingest/outbound-call-failed", event("failed")),
        ("ingest/outbound-call-not-answered", event("disconnected")),
        ("ingest/put-conversation", Response(200, "/conversation_status", json!("IN_PROGRESS"))),
        ("ingest/twilio-busy", Leaves("DISCONNECTED")),
        ("ingest/twilio-canceled", Leaves("DISCONNECTED")),
        ("ingest/twilio-completed", Leaves("COMPLETED")),
        ("ingest/twilio-completed-as-json", Leaves("COMPLETED")),
        ("ingest/twilio-completed-by-get", Leaves("COMPLETED")),
        ("ingest/twilio-failed", Leaves("FAILED")),
        ("ingest/twilio-in-progress", Leaves("IN_PROGRESS")),
        ("ingest/twilio-initiated", Leaves("PENDING")),
        ("ingest/twilio-no-answer", Leaves("DISCONNECTED")),
        ("ingest/twilio-recording-completed", Response(200, "/result", json!("applied"))),
        ("ingest/twilio-ringing", Leaves("PENDING")),
        ("ingest/without-conversation-id", Response(422, "/errors/0/field", json!("conversation_id"))),
        ("query/list-deliveries", Response(200, "/deliveries", json!([]))),
        ("query/list-with-a-wrong-status", Response(422, "/errors/0/field", json!("status"))),
        ("query/read-conversation", Response(404, "/code", json!("not_found"))),
    ])
}

/// All samples, by function and case.
fn samples() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut samples = BTreeMap::new();
    for function in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        for case in std::fs::read_dir(function.path()).unwrap().map(Result::unwrap) {
            let path = case.path();
            let (function, case) = (function.file_name(), path.file_stem().unwrap());
            let name = format!("{}/{}", function.to_str().unwrap(), case.to_str().unwrap());
            samples.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
    samples
}

fn function_of(name: &str) -> &'static str {
    match name.split_once('/').unwrap().0 {
        _ if name == "destinations/purge-accounts" => "Purge",
        "destinations" => "Destinations",
        "dispatch" => "Dispatch",
        "ingest" => "Ingest",
        "query" => "Query",
        other => panic!("no function has samples in events/{other}"),
    }
}

/// A sample as this customer or its providers would send it.
async fn sent_by(world: &World, customer: &Customer, name: &str, sample: &str) -> Value {
    let sample = sample.replace(ACCOUNT, &customer.account_id).replace(KEY, &customer.key);
    let mut sample = sample.replace(KEY_ID, customer.key_id());
    for (id, queue) in &world.stack.resources.queues {
        sample = sample.replace(&format!("arn:aws:sqs:us-east-1:000000000000:{id}"), &queue.arn);
    }
    let mut sample: Value = serde_json::from_str(&sample).unwrap();
    if name.starts_with("ingest/twilio-") {
        let twilio = Twilio::of(world, customer, sample["rawQueryString"].as_str().unwrap()).await;
        let form = form_of(&sample);
        let pairs: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        sample["headers"]["x-twilio-signature"] = json!(sign_for_twilio(&twilio.token, &twilio.url, &pairs));
    }
    if name.starts_with("ingest/daily-") {
        let daily = Daily::of(world, customer).await;
        let (now, body) = (daily.now.to_string(), sample["body"].as_str().unwrap());
        let signature = sign_for_daily(&daily.secret, &now, body);
        sample["headers"]["x-webhook-timestamp"] = json!(now);
        sample["headers"]["x-webhook-signature"] = json!(signature);
    }
    sample
}

/// A form's fields; the HTTP API passes forms as base64. Other content is signed through its hash in the URL.
fn form_of(sample: &Value) -> Vec<(String, String)> {
    if sample["isBase64Encoded"] != true {
        return Vec::new();
    }
    let body = STANDARD.decode(sample["body"].as_str().unwrap()).unwrap();
    url::form_urlencoded::parse(&body).into_owned().collect()
}

/// The signatures in the files are valid for the secrets in `providers.rs` and <https://hooks.example.com>.
#[test]
fn the_samples_are_signed_as_their_providers_sign() {
    for (name, sample) in samples() {
        let sample: Value = serde_json::from_str(&sample).unwrap();
        let header = |name: &str| sample["headers"][name].as_str().unwrap();
        if name.starts_with("ingest/twilio-") {
            let query = sample["rawQueryString"].as_str().unwrap();
            let url = format!("https://hooks.example.com/v1/flows/twilio/{ACCOUNT}?{query}");
            let form = form_of(&sample);
            let pairs: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(sign_for_twilio(TWILIO_TOKEN, &url, &pairs), header("x-twilio-signature"), "{name}");
        }
        if name.starts_with("ingest/daily-") && !name.ends_with("-probe") {
            let body = sample["body"].as_str().unwrap();
            let signature = sign_for_daily(DAILY_SECRET, header("x-webhook-timestamp"), body);
            assert_eq!(signature, header("x-webhook-signature"), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_does_what_its_name_says() {
    let world = World::start().await;
    let (samples, expected) = (samples(), expected());
    let names = |names: Vec<&str>| names.join("\n");
    assert_eq!(
        names(samples.keys().map(String::as_str).collect()),
        names(expected.keys().copied().collect()),
        "a sample without an expectation, or an expectation without a sample"
    );
    for (name, sample) in &samples {
        let customer = world.customer(name).await;
        let sample = sent_by(&world, &customer, name, sample).await;
        let answer = world.stack.invoke(function_of(name), &sample).await;
        if let Expected::Error(says) = &expected[name.as_str()] {
            let error = answer.err().unwrap().to_string();
            assert!(error.contains(says), "{name}: {error}");
            continue;
        }
        let answer = answer.unwrap();
        match &expected[name.as_str()] {
            Expected::Response(status, pointer, value) => {
                assert_eq!(answer["statusCode"], *status, "{name}: {answer}");
                let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                assert_eq!(body.pointer(pointer), Some(value), "{name}: {body}");
            }
            Expected::Answer(pointer) => {
                assert!(answer.pointer(pointer).is_some_and(Value::is_string), "{name}: {answer}");
            }
            Expected::Leaves(status) => {
                assert!(answer.is_null() || answer["statusCode"] == 200, "{name}: {answer}");
                let record = customer.put_conversation(CONVERSATION, &json!({"daily_room": "my-room"})).await;
                assert_eq!(record["conversation_status"], *status, "{name}: {record}");
            }
            Expected::Exactly(text) => assert_eq!(answer.to_string(), *text, "{name}"),
            Expected::Error(_) => {}
            Expected::Failures(places) => {
                let failed: Vec<_> =
                    places.iter().map(|place| &sample["Records"][*place]["messageId"]).collect();
                let named = answer["batchItemFailures"].as_array().unwrap();
                let named: Vec<_> = named.iter().map(|failure| &failure["itemIdentifier"]).collect();
                assert_eq!(named, failed, "{name}");
            }
        }
    }
}
