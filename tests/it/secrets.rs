//! Secrets at rest: how the tables store them, and who can decrypt them.

use std::time::Duration;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::delivery::schedule::RETRY_AFTER;
use local::clock::ClockControl;
use local::receiver::Signature;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::providers::{DAILY_SECRET, TWILIO_TOKEN, Twilio};
use crate::world::{Customer, World, eventually, text};

type Item = HashMap<String, AttributeValue>;

const TOKEN: &str = "Bearer hunter2-hunter2-hunter2";

/// Access to the table with destinations and providers.
impl World {
    fn table(&self) -> (&aws_sdk_dynamodb::Client, &str) {
        (&self.stack.clients.dynamodb, &self.stack.resources.tables["DestinationsTable"])
    }

    async fn item(&self, account: &str, sk: &str) -> Item {
        let (client, table) = self.table();
        let item = client.get_item().table_name(table).key("pk", s(account)).key("sk", s(sk));
        item.send().await.unwrap().item.unwrap()
    }

    async fn put(&self, item: Item) {
        let (client, table) = self.table();
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }
}

impl Customer {
    /// Adds a destination with an `Authorization` header; returns its id and its secret.
    async fn add_with_token(&self, url: &str) -> (String, String) {
        let (id, secret) = self.add_destination(url, "POST").await;
        self.change_destination(&id, &json!({"headers": {"Authorization": TOKEN}})).await;
        (id, secret)
    }

    async fn rotate(&self, id: &str) -> String {
        let path = format!("/v1/destinations/{id}/secret/rotate");
        let (status, rotated) = self.call(Method::POST, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{rotated}");
        text(&rotated["secret"])
    }
}

/// Moves the clock from retry to retry until `look` finds something. An invocation has to end before the next one is
/// due, or it is killed.
async fn retried<T>(hand: &ClockControl, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut waited = 0;
    eventually(what, async || {
        if waited % 25 == 0 {
            hand.advance(RETRY_AFTER);
        }
        waited += 1;
        look().await
    })
    .await
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Collects everything that a value holds, names of attributes included.
fn contents(value: &AttributeValue, found: &mut Vec<Vec<u8>>) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => found.push(text.clone().into_bytes()),
        AttributeValue::B(bytes) => found.push(bytes.as_ref().to_vec()),
        AttributeValue::L(items) => items.iter().for_each(|item| contents(item, found)),
        AttributeValue::M(entries) => {
            for (name, entry) in entries {
                found.push(name.clone().into_bytes());
                contents(entry, found);
            }
        }
        AttributeValue::Bool(_) | AttributeValue::Null(_) => {}
        other => panic!("{other:?}"),
    }
}

fn holds(all: &[Vec<u8>], part: &[u8]) -> bool {
    all.iter().any(|content| content.windows(part.len()).any(|window| window == part))
}

/// The encodings in which bytes might be stored.
fn spellings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|engine| engine.encode(bytes));
    let texts = [hex.to_uppercase(), hex].into_iter().chain(base64);
    texts.map(String::into_bytes).chain([bytes.to_vec()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_table_in_any_spelling() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (id, first) = customer.add_with_token(&world.stack.receiver.url("/hooks")).await;
    let second = customer.rotate(&id).await;
    customer.set_provider("twilio", TWILIO_TOKEN).await;
    customer.set_provider("daily", DAILY_SECRET).await;

    let (client, table) = world.table();
    let rows = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    let mut all = Vec::new();
    rows.into_iter().for_each(|row| contents(&AttributeValue::M(row), &mut all));
    assert!(holds(&all, id.as_bytes()) && holds(&all, b"authorization"), "the search works");
    let mut secrets: Vec<Vec<u8>> = [TOKEN, "hunter2", TWILIO_TOKEN, DAILY_SECRET, &first, &second]
        .map(|secret| secret.as_bytes().to_vec())
        .to_vec();
    let keys = [&first[6..], &second[6..], DAILY_SECRET].map(|encoded| STANDARD.decode(encoded).unwrap());
    secrets.extend(keys);
    secrets.push(customer.key.clone().into_bytes());
    for secret in &secrets {
        for spelling in spellings(secret) {
            assert!(!holds(&all, &spelling), "{}", String::from_utf8_lossy(&spelling));
        }
    }

    // The secrets are still used.
    world.stack.receiver.trust("/hooks", &second).unwrap();
    customer.hang_up("c-1").await;
    let requests = world.stack.receiver.wait_for("/hooks", 1).await;
    assert_eq!(requests[0].headers["authorization"], TOKEN);
    assert!(matches!(requests[0].signature, Signature::Verified), "{:?}", requests[0].signature);
    let (status, _) = Twilio::of(&world, &customer, "conversation_id=c-2").await.call("completed").await;
    assert_eq!(status, StatusCode::OK);
}

/// KMS binds a data key to its encryption context.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_data_key_opens_for_its_account_and_destination_alone() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (id, _) = customer.add_with_token(&world.stack.receiver.url("/hooks")).await;
    let item = world.item(&customer.account_id, &format!("destination#{id}")).await;
    let data_key = item["encrypted"].as_m().unwrap()["data_key"].as_b().unwrap();
    let decrypt = async |context: &[(&str, &str)]| {
        let mut request = world.stack.clients.kms.decrypt().ciphertext_blob(data_key.clone());
        for (name, value) in context {
            request = request.encryption_context(*name, *value);
        }
        request.send().await.map_err(|error| error.into_service_error().is_invalid_ciphertext_exception())
    };
    let account = ("account", customer.account_id.as_str());
    assert!(decrypt(&[account, ("destination", &id)]).await.is_ok());
    for context in [
        &[][..],
        &[account],
        &[account, ("destination", "dst_1")],
        &[account, ("provider", &id)],
        &[("account", "acc_1"), ("destination", &id)],
    ] {
        assert_eq!(decrypt(context).await.err(), Some(true), "{context:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_another_destination_send_nothing_and_hold_nobody_up() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    let (mine, _) = customer.add_with_token(&world.stack.receiver.url("/mine")).await;
    let (other, _) = customer.add_with_token(&world.stack.receiver.url("/other")).await;
    let genuine = world.item(&customer.account_id, &format!("destination#{mine}")).await;
    let neighbour = world.item(&customer.account_id, &format!("destination#{other}")).await;
    let mut moved = genuine.clone();
    moved.insert("encrypted".to_owned(), neighbour["encrypted"].clone());
    world.put(moved).await;

    customer.hang_up("c-1").await;
    world.stack.receiver.wait_for("/other", 1).await;
    let delivered = customer.delivery_once("c-1", "delivered").await;
    assert_eq!(delivered["destination_id"], other.as_str());
    // The other delivery is tried again and again, after longer and longer waits; it is never claimed, so it is not
    // listed.
    for _ in 0..3 {
        let calls = world.stack.kms.calls();
        let again = async || (world.stack.kms.calls() > calls).then_some(());
        retried(&hand, "another retry", again).await;
    }
    assert_eq!(customer.deliveries_of("c-1").await.len(), 1);
    assert_eq!(world.stack.receiver.received("/mine").len(), 0);
    let path = format!("/v1/destinations/{mine}/secret/rotate");
    let (status, problem) = customer.call(Method::POST, &path, None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));

    // Once repaired, the destination is sent its delivery with its own secrets.
    world.put(genuine).await;
    hand.advance(Duration::from_secs(15 * 60));
    let sent = async || world.stack.receiver.received("/mine").into_iter().next();
    let request = retried(&hand, "the delivery that waited", sent).await;
    assert_eq!(request.headers["webhook-attempt"], "1");
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/other").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_secret_of_another_account_lets_no_callback_in() {
    let world = World::start().await;
    let (mine, other) = (world.customer("Acme").await, world.customer("Other").await);
    Twilio::of(&world, &other, "").await;
    let twilio = Twilio::of(&world, &mine, "conversation_id=c-1").await;
    let mut moved = world.item(&other.account_id, "provider#twilio").await;
    moved.insert("pk".to_owned(), s(&mine.account_id));
    world.put(moved).await;
    assert_eq!(twilio.call("completed").await.0, StatusCode::SERVICE_UNAVAILABLE);
    mine.set_provider("twilio", TWILIO_TOKEN).await;
    assert_eq!(twilio.call("completed").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kms_is_down_a_delivery_waits_and_is_no_attempt() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    let url = world.stack.receiver.url("/hooks");
    customer.add_with_token(&url).await;
    world.stack.kms.set_unavailable(true);
    let calls = world.stack.kms.calls();
    customer.hang_up("c-1").await;
    eventually("calls to KMS", async || (world.stack.kms.calls() >= calls + 3).then_some(())).await;
    let body = json!({"name": "Another", "url": url, "headers": {"authorization": TOKEN}});
    let (status, problem) = customer.call(Method::POST, "/v1/destinations", Some(&body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert!(!problem.to_string().contains("hunter2"), "{problem}");
    assert_eq!(world.stack.receiver.received("/hooks").len(), 0);

    world.stack.kms.set_unavailable(false);
    let delivered = async || {
        customer.deliveries_of("c-1").await.into_iter().find(|delivery| delivery["status"] == "delivered")
    };
    let delivery = retried(&hand, "the delivery that waited", delivered).await;
    world.quiet().await;
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    assert_eq!(world.stack.receiver.received("/hooks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_shown_renamed_or_sent_by_a_warm_process_needs_no_kms() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (id, _) = customer.add_with_token(&world.stack.receiver.url("/hooks")).await;
    customer.hang_up("c-1").await;
    customer.delivery_once("c-1", "delivered").await;

    world.stack.kms.set_unavailable(true);
    customer.hang_up("c-2").await;
    let delivery = customer.delivery_once("c-2", "delivered").await;
    let masked = json!({"authorization": "********"});
    let request = &delivery["attempt_log"][0]["request"];
    assert_eq!(request["headers"]["authorization"], masked["authorization"], "{delivery}");
    // What a receiver compares with its own result is shown as it was sent.
    let sent = &world.stack.receiver.received("/hooks")[1].headers["webhook-signature"];
    assert_eq!(request["headers"]["webhook-signature"], sent.to_str().unwrap(), "{delivery}");
    let list = customer.get("/v1/destinations").await;
    assert_eq!(list["destinations"][0]["headers"], masked);
    let renamed = customer.change_destination(&id, &json!({"name": "New"})).await;
    assert_eq!((&renamed["name"], &renamed["headers"]), (&json!("New"), &masked));
    customer.hang_up("c-3").await;
    customer.delivery_once("c-3", "delivered").await;
    let shown: Vec<Value> = vec![list, delivery, renamed];
    assert!(!shown.iter().any(|value| value.to_string().contains("hunter2")));
}
