//! Every file in `events/` does at its function what its name says.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{Customer, World};

/// What stands in the files where an account and its key belong.
const ACCOUNT: &str = "acc_000000000000000000000000";
const KEY: &str = "vk_0000000000000000_000000000000000000000000000000000000000000000000";

/// What a function makes of a sample.
enum Made {
    /// An HTTP response of this status whose body has this value there.
    Response(u64, &'static str, Value),
    /// An answer that has a text there.
    Answer(&'static str),
    /// A batch of which these are handed out again, by their place.
    Again(&'static [usize]),
}

fn expected() -> BTreeMap<&'static str, Made> {
    use Made::{Again, Answer, Response};
    BTreeMap::from([
        ("destinations/create-account", Answer("/account_id")),
        ("destinations/create-api-key", Answer("/api_key")),
        ("destinations/create-destination", Response(201, "/status", json!("enabled"))),
        ("destinations/create-destination-with-plain-http", Response(422, "/errors/0/field", json!("url"))),
        // Their event is not in the log: the delivery is cancelled, and so done.
        ("dispatch/deliver", Again(&[])),
        // The account has no destinations, so there is nothing to send.
        ("dispatch/fan-out", Again(&[])),
        ("dispatch/poison", Again(&[0, 1, 2])),
        ("dispatch/reconcile", Again(&[])),
        ("ingest/conversation-completed", Response(202, "/event", json!("conversation.completed"))),
        ("ingest/conversation-disconnected", Response(202, "/event", json!("conversation.disconnected"))),
        ("ingest/conversation-failed", Response(202, "/event", json!("conversation.failed"))),
        ("ingest/put-conversation", Response(200, "/conversation_status", json!("IN_PROGRESS"))),
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
        "destinations" => "Destinations",
        "dispatch" => "Dispatch",
        "ingest" => "Ingest",
        "query" => "Query",
        other => panic!("no function has samples in events/{other}"),
    }
}

/// A sample as this customer would send it.
fn sent_by(customer: &Customer, sample: &str) -> Value {
    let sample = sample.replace(ACCOUNT, &customer.account_id).replace(KEY, &customer.key);
    serde_json::from_str(&sample).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_does_what_its_name_says() {
    let world = World::start().await;
    let (samples, expected) = (samples(), expected());
    let names = |names: Vec<&str>| names.join("\n");
    assert_eq!(
        names(samples.keys().map(String::as_str).collect()),
        names(expected.keys().copied().collect()),
        "a sample without an expectation, or the other way round"
    );
    for (name, sample) in &samples {
        let customer = world.customer(name).await;
        let sample = sent_by(&customer, sample);
        let answer = world.stack.invoke(function_of(name), &sample).await.unwrap();
        match &expected[name.as_str()] {
            Made::Response(status, pointer, value) => {
                assert_eq!(answer["statusCode"], *status, "{name}: {answer}");
                let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                assert_eq!(body.pointer(pointer), Some(value), "{name}: {body}");
            }
            Made::Answer(pointer) => {
                assert!(answer.pointer(pointer).is_some_and(Value::is_string), "{name}: {answer}");
            }
            Made::Again(places) => {
                let failed: Vec<_> =
                    places.iter().map(|place| &sample["Records"][*place]["messageId"]).collect();
                let named = answer["batchItemFailures"].as_array().unwrap();
                let named: Vec<_> = named.iter().map(|failure| &failure["itemIdentifier"]).collect();
                assert_eq!(named, failed, "{name}");
            }
        }
    }
}
