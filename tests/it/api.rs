//! The API as a customer's programs use it: responses, errors, pages.

use std::collections::HashSet;

use domain::shared::ids::{AccountId, ConversationId, EventId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_body_gets_an_error_that_names_the_field() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    for (body, status, field) in [
        ("not json", 400, "body"),
        ("[]", 400, "body"),
        (r#"{"conversation_id":"a","conversation_id":"b"}"#, 400, "body"),
        (r#"{"conversation_status":"COMPLETED"}"#, 422, "conversation_id"),
        (r#"{"conversation_id":5,"conversation_status":"COMPLETED"}"#, 422, "conversation_id"),
        (r#"{"conversation_id":"a b","conversation_status":"COMPLETED"}"#, 422, "conversation_id"),
        (r#"{"conversation_id":"c-1"}"#, 422, "conversation_status"),
        (r#"{"conversation_id":"c-1","conversation_status":"DONE"}"#, 422, "conversation_status"),
        (r#"{"conversation_id":"c-1","conversation_status":"IN_PROGRESS"}"#, 422, "conversation_status"),
        (r#"{"conversation_id":"c-1","conversation_status":"FAILED","is_test_call":1}"#, 422, "is_test_call"),
        (r#"{"conversation_id":"c-1","conversation_status":"FAILED","durration":1}"#, 422, "durration"),
    ] {
        let (got, problem) = customer.send(Method::POST, "/v1/flows/hangup", Some(body.to_owned())).await;
        assert_eq!(
            (got.as_u16(), &problem["errors"][0]["field"]),
            (status, &json!(field)),
            "{body}: {problem}"
        );
        assert_eq!(problem["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_two_mebibytes_is_taken_and_a_larger_one_refused() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let record = |id: &str, bytes: usize| {
        let head = format!(r#"{{"conversation_id":"{id}","conversation_status":"COMPLETED","notes":""#);
        let notes = "word ".repeat(bytes / 5 + 1);
        let text = format!("{head}{}", &notes[..bytes - head.len() - 2]);
        format!(r#"{text}"}}"#)
    };
    let (status, body) = customer.send(Method::POST, "/v1/flows/hangup", Some(record("fits", 2 << 20))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let (status, problem) =
        customer.send(Method::POST, "/v1/flows/hangup", Some(record("larger", (2 << 20) + 1))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["code"], "too_large");
    // Within the limit, but does not compress to the size of a table item.
    let noise: String =
        (0..50_000_u32).map(|n| EventId::of_conversation(&acme(), &id(n)).to_string()).collect();
    let body = json!({"conversation_id": "noise", "conversation_status": "COMPLETED", "notes": noise});
    let (status, problem) = customer.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
}

fn acme() -> AccountId {
    AccountId::parse("acme").unwrap()
}

fn id(number: u32) -> ConversationId {
    ConversationId::parse(number.to_string()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_completion_gets_the_same_answer_and_sends_once() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let first = customer.hang_up("c-1").await;
    let repeats = futures_util::future::join_all((0..20).map(|_| customer.hang_up("c-1"))).await;
    assert!(repeats.iter().all(|event| *event == first));
    let other = json!({"conversation_id": "c-1", "conversation_status": "FAILED"});
    let (status, answer) = customer.call(Method::POST, "/v1/flows/hangup", Some(&other)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&answer["event_id"], &answer["event"]), (&json!(first), &json!("conversation.completed")));
    customer.delivery_once("c-1", "delivered").await;
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/hooks").len(), 1);
    let record = customer.get("/v1/public/conversations/c-1").await;
    assert_eq!(record["late_signals"][0]["event"], "conversation.failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_completions_at_once_make_one_event() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let events = futures_util::future::join_all((0..50).map(|_| customer.hang_up("c-1"))).await;
    assert_eq!(events.into_iter().collect::<HashSet<_>>().len(), 1);
    customer.delivery_once("c-1", "delivered").await;
    world.quiet().await;
    assert_eq!(world.stack.receiver.received("/hooks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_is_kept_up_to_date_and_the_payload_stays_as_it_was() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let put = async |body: Value| customer.call(Method::PUT, "/v1/conversations/c-1", Some(&body)).await;
    let (status, record) = put(json!({"agent_id": "a", "conversation_status": "IN_PROGRESS"})).await;
    assert_eq!((status, &record["conversation_status"]), (StatusCode::OK, &json!("IN_PROGRESS")));
    let (status, problem) = put(json!({"conversation_status": "COMPLETED"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    customer.hang_up("c-1").await;
    let (status, record) = put(json!({"conversation_analysis": [{"score": 1.50}], "agent_id": null})).await;
    assert_eq!((status, &record["conversation_status"]), (StatusCode::OK, &json!("COMPLETED")));

    let requests = world.stack.receiver.wait_for("/hooks", 1).await;
    let payload: Value = serde_json::from_slice(requests[0].payload.as_ref().unwrap()).unwrap();
    assert_eq!((&payload["agent_id"], &payload["conversation_analysis"]), (&json!("a"), &json!([])));
    let latest = customer.get("/v1/public/conversations/c-1").await;
    assert_eq!(latest["conversation_analysis"], json!([{"score": 1.5}]));
    assert_eq!((&latest["agent_id"], &latest["id"]), (&Value::Null, &payload["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_checked_field_by_field() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let good = json!({"name": "CRM", "url": "https://hooks.example.com/x"});
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", json!(null)),
        ("url", json!("http://hooks.example.com/x")),
        ("url", json!("https://10.0.0.1/")),
        ("url", json!("https://hooks.example.com:22/")),
        ("url", json!("https://user@hooks.example.com/")),
        ("url", json!("hooks")),
        ("request_type", json!("DELETE")),
        ("format", json!("xml")),
        ("retry", json!("forever")),
        ("status", json!("paused")),
        ("events", json!([])),
        ("events", json!(["conversation.started"])),
        ("agent_ids", json!([""])),
        ("headers", json!({"Host": "x"})),
        ("headers", json!({"X-Token": 5})),
        ("headers", json!(["X-Token"])),
        ("secret", json!("x")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let (status, problem) = customer.call(Method::POST, "/v1/destinations", Some(&body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {problem}");
        let named = problem["errors"][0]["field"].as_str().unwrap();
        assert!(named == field || named.starts_with(&format!("{field}.")), "{body}: {problem}");
    }
    let twice =
        r#"{"name": "CRM", "url": "https://hooks.example.com/x", "headers": {"X-A": "1", "X-A": "2"}}"#;
    let (status, problem) = customer.send(Method::POST, "/v1/destinations", Some(twice.to_owned())).await;
    let rule = "must be an object of header names, each given once, and string values";
    assert_eq!(
        (status, &problem["errors"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!([{"field": "headers", "rule": rule}]))
    );
    let (status, made) = customer.call(Method::POST, "/v1/destinations", Some(&good)).await;
    assert_eq!(
        (status, &made["request_type"], &made["status"]),
        (StatusCode::CREATED, &json!("POST"), &json!("enabled"))
    );
    assert!(text(&made["secret"]).starts_with("whsec_"));
    let path = format!("/v1/destinations/{}", text(&made["id"]));
    let changed =
        customer.change_destination(&text(&made["id"]), &json!({"name": "New", "status": "disabled"})).await;
    assert_eq!((&changed["name"], &changed["url"]), (&json!("New"), &good["url"]));
    assert_eq!(customer.get(&path).await, changed, "and the secret is not shown again");
    assert_eq!(customer.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(customer.call(Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_newest_first_and_cursors_are_good_for_their_search_only() {
    let (world, hand) = World::by_hand().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    for number in 0..25 {
        customer.hang_up(&format!("c-{number}")).await;
        hand.advance(std::time::Duration::from_millis(7));
    }
    world.quiet().await;
    let all = walk(&customer, "limit=100").await;
    let expected: Vec<_> = (0..25).rev().map(|number| format!("c-{number}")).collect();
    assert_eq!(all, expected);
    assert_eq!(walk(&customer, "limit=4").await, expected);
    assert_eq!(walk(&customer, "limit=1&status=delivered").await, expected);
    assert!(walk(&customer, "status=exhausted").await.is_empty());
    let window = "from=2026-09-01T10:00:00.035Z&to=2026-09-01T10:00:00.049Z&limit=1";
    assert_eq!(walk(&customer, window).await, ["c-6", "c-5"]);

    let cursor = text(&customer.get("/v1/deliveries?limit=4").await["next_cursor"]);
    let mut flipped = cursor.clone().into_bytes();
    flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let huge = "A".repeat(4000);
    let mut answers = HashSet::new();
    for query in [
        format!("limit=4&cursor={flipped}"),
        format!("limit=4&status=delivered&cursor={cursor}"),
        format!("limit=4&cursor={huge}"),
        "limit=4&cursor=".to_owned(),
    ] {
        let (status, problem) = customer.call(Method::GET, &format!("/v1/deliveries?{query}"), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        answers.insert(problem.to_string());
    }
    assert_eq!(answers.len(), 1, "the errors differ: {answers:?}");
}

/// Collects the conversations of all pages.
async fn walk(customer: &Customer, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = customer.get(&format!("/v1/deliveries?{query}{cursor}")).await;
        found.extend(page["deliveries"].as_array().unwrap().iter().map(|d| text(&d["conversation_id"])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}
