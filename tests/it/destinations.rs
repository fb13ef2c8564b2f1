//! What an account's destinations are to each other, and to the secrets that are stored for them.

use futures_util::future::join_all;
use local::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, options, text};
use local::stack::Options;

const MOVES: &str = include_str!("../corpus/hostile/moves.txt");
const DUPLICATES: &str = include_str!("../corpus/hostile/duplicates.txt");
const OWN_QUERIES: &str = include_str!("../corpus/hostile/own-queries.txt");
const AGENTS: &str = include_str!("../corpus/hostile/agents.txt");

/// The lines of a corpus: what is given and what is expected of it.
fn lines(corpus: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(" | ").unwrap())
}

/// The lines of a corpus of JSON values.
fn cases(corpus: &'static str) -> impl Iterator<Item = (Value, &'static str)> {
    lines(corpus).map(|(given, expected)| {
        (serde_json::from_str(given).unwrap_or_else(|error| panic!("{given}: {error}")), expected)
    })
}

async fn quiet_world() -> World {
    World::with(Options { invokes: false, ..options(Clock::system()) }).await
}

impl Customer {
    async fn add(&self, mut destination: Value) -> (StatusCode, Value) {
        if destination["name"].is_null() {
            destination["name"] = json!("CRM");
        }
        self.call(Method::POST, "/v1/destinations", Some(&destination)).await
    }

    async fn patch(&self, id: &str, change: &Value) -> (StatusCode, Value) {
        self.call(Method::PATCH, &format!("/v1/destinations/{id}"), Some(change)).await
    }

    async fn remove(&self, id: &str) -> StatusCode {
        self.call(Method::DELETE, &format!("/v1/destinations/{id}"), None).await.0
    }
}

/// Asserts that an answer says which destination is the same.
fn assert_names(answer: &(StatusCode, Value), other: &str) {
    let (status, problem) = answer;
    assert_eq!((*status, &problem["code"]), (StatusCode::CONFLICT, &json!("duplicate_destination")));
    assert!(problem["detail"].as_str().unwrap().contains(other), "{problem} does not name {other}");
}

/// Asserts that an answer refuses a field, and returns the rule.
fn assert_refuses<'a>((status, problem): &'a (StatusCode, Value), field: &str) -> &'a str {
    assert_eq!(*status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    problem["errors"][0]["rule"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn row_50_a_stored_header_value_goes_to_the_server_that_it_was_set_for_only() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let headers = json!({"Authorization": "Bearer hunter2", "X-Token": "hunter3"});
    for (change, again) in cases(MOVES) {
        let url = "https://localhost:8443/hooks?t=1";
        let (_, made) = customer.add(json!({"url": url, "headers": headers})).await;
        let id = text(&made["id"]);
        let (status, answer) = customer.patch(&id, &change).await;
        if again == "none" {
            assert_eq!(status, StatusCode::OK, "{change}: {answer}");
        } else {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{change}: {answer}");
            assert_eq!(answer["errors"][0]["field"], "headers", "{answer}");
            let rule = answer["errors"][0]["rule"].as_str().unwrap();
            assert!(rule.ends_with(&format!("changes: {again}")), "{change}: {rule}");
            let kept = customer.get(&format!("/v1/destinations/{id}")).await;
            assert_eq!(kept["url"], url, "{change}");
        }
        assert_eq!(customer.remove(&id).await, StatusCode::NO_CONTENT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_without_headers_moves_freely() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let (_, made) = customer.add(json!({"url": "https://localhost:8443/"})).await;
    let (status, _) = customer.patch(&text(&made["id"]), &json!({"url": "https://example.com/"})).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_50_no_two_destinations_get_the_same_requests() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let (_, first) = customer.add(json!({"url": "https://localhost:8443/hooks?a=b"})).await;
    let first = text(&first["id"]);
    for (second, expected) in cases(DUPLICATES) {
        let answer = customer.add(second.clone()).await;
        // The same by a change: of a destination that is another one until then.
        let (_, other) = customer.add(json!({"url": "https://localhost:8443/another"})).await;
        let other = text(&other["id"]);
        if expected == "same" {
            assert_names(&answer, &first);
            assert_names(&customer.patch(&other, &second).await, &first);
        } else {
            assert_eq!(answer.0, StatusCode::CREATED, "{second}: {}", answer.1);
            let id = text(&answer.1["id"]);
            assert_names(&customer.patch(&other, &second).await, &id);
            assert_eq!(customer.remove(&id).await, StatusCode::NO_CONTENT);
            assert_eq!(customer.patch(&other, &second).await.0, StatusCode::OK, "{second}");
        }
        assert_eq!(customer.remove(&other).await, StatusCode::NO_CONTENT);
    }
    // A destination is no duplicate of itself, and what it left is free.
    let same = json!({"url": "https://localhost:8443/hooks?a=b", "request_type": "POST", "name": "Again"});
    assert_eq!(customer.patch(&first, &same).await.0, StatusCode::OK);
    assert_eq!(customer.patch(&first, &json!({"status": "disabled"})).await.0, StatusCode::OK);
    assert_names(&customer.add(same.clone()).await, &first);
    assert_eq!(customer.patch(&first, &json!({"request_type": "PUT"})).await.0, StatusCode::OK);
    let (status, second) = customer.add(same.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_names(&customer.patch(&first, &json!({"request_type": "POST"})).await, &text(&second["id"]));
    assert_eq!(customer.remove(&first).await, StatusCode::NO_CONTENT);
    assert_eq!(customer.remove(&first).await, StatusCode::NOT_FOUND);
    // Another account knows nothing of it.
    assert_eq!(world.customer("Other").await.add(same).await.0, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_equal_requests_at_once_one_adds_a_destination() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let destination = json!({"url": "https://localhost:8443/hooks"});
    let answers = join_all((0..20).map(|_| customer.add(destination.clone()))).await;
    let (added, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(status, _)| *status == StatusCode::CREATED);
    let [(_, added)] = &added[..] else { panic!("{} were added", added.len()) };
    for answer in refused {
        assert_names(answer, added["id"].as_str().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_50_an_account_has_a_hundred_destinations_however_many_it_asks_for_at_once() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let add = |number: usize| customer.add(json!({"url": format!("https://localhost:8443/{number}")}));
    let answers = join_all((0..150).map(add)).await;
    let added = answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|(_, answer)| answer["code"] == "too_many_destinations").count();
    assert_eq!((added, refused), (100, 50));
    let list = customer.get("/v1/destinations").await;
    let list = list["destinations"].as_array().unwrap();
    assert_eq!(list.len(), 100);

    // Each that is deleted, once or by many requests at once, makes room for one.
    let id = text(&list[0]["id"]);
    let removed = join_all((0..5).map(|_| customer.remove(&id))).await;
    assert_eq!(removed.iter().filter(|status| **status == StatusCode::NO_CONTENT).count(), 1, "{removed:?}");
    assert_eq!(add(1_000).await.0, StatusCode::CREATED);
    assert_eq!(add(1_001).await.1["code"], "too_many_destinations");
    assert_eq!(customer.patch(&text(&list[1]["id"]), &json!({"name": "Full"})).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_whose_url_has_a_parameter_of_ours_is_refused_by_name() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    for (url, own) in lines(OWN_QUERIES) {
        let by = |request_type: &str| json!({"url": url, "request_type": request_type});
        let plain = json!({"url": "https://localhost:8443/plain", "request_type": "GET"});
        let (_, get) = customer.add(plain).await;
        let (status, post) = customer.add(by("POST")).await;
        assert_eq!(status, StatusCode::CREATED, "{url}: a form has fields of its own");
        let (get, post) = (text(&get["id"]), text(&post["id"]));
        let moved = customer.patch(&get, &json!({"url": url})).await;
        if own == "none" {
            assert_eq!(moved.0, StatusCode::OK, "{url}: {}", moved.1);
            assert_eq!(customer.remove(&get).await, StatusCode::NO_CONTENT);
            let (status, added) = customer.add(by("GET")).await;
            assert_eq!(status, StatusCode::CREATED, "{url}: {added}");
            assert_eq!(customer.remove(&text(&added["id"])).await, StatusCode::NO_CONTENT);
            assert_eq!(customer.patch(&post, &json!({"request_type": "GET"})).await.0, StatusCode::OK);
        } else {
            let turned = customer.patch(&post, &json!({"request_type": "GET"})).await;
            for answer in [moved, turned, customer.add(by("GET")).await] {
                let rule = assert_refuses(&answer, "url");
                assert!(rule.contains(&format!("\"{own}\"")), "{url}: {rule}");
            }
            assert_eq!(customer.patch(&post, &json!({"request_type": "PUT"})).await.0, StatusCode::OK);
            assert_eq!(customer.remove(&get).await, StatusCode::NO_CONTENT);
        }
        assert_eq!(customer.remove(&post).await, StatusCode::NO_CONTENT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_has_no_body_for_json() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let url = "https://localhost:8443/hooks";
    let (get, json) = (json!({"request_type": "GET"}), json!({"format": "json"}));
    let refused = customer.add(json!({"url": url, "request_type": "GET", "format": "json"})).await;
    assert!(assert_refuses(&refused, "format").contains("GET"));
    for format in [json!("JSON"), json!("xml"), json!("application/json"), json!(""), json!(null), json!(1)] {
        assert_refuses(&customer.add(json!({"url": url, "format": format})).await, "format");
    }
    let (_, made) = customer.add(json!({"url": url, "format": "json"})).await;
    assert_eq!(made["format"], "json");
    let id = text(&made["id"]);
    assert_refuses(&customer.patch(&id, &get).await, "format");
    for request_type in ["PUT", "PATCH", "POST"] {
        let (status, changed) = customer.patch(&id, &json!({"request_type": request_type})).await;
        assert_eq!((status, &changed["format"]), (StatusCode::OK, &json!("json")));
    }
    let (status, changed) = customer.patch(&id, &json!({"request_type": "GET", "format": "form"})).await;
    assert_eq!((status, &changed["format"]), (StatusCode::OK, &json!("form")));
    assert_refuses(&customer.patch(&id, &json).await, "format");
    assert_eq!(customer.get(&format!("/v1/destinations/{id}")).await["format"], "form");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_names_up_to_twenty_agents() {
    let world = quiet_world().await;
    let customer = world.customer("Acme").await;
    let (_, all) = customer.add(json!({"url": "https://localhost:8443/all"})).await;
    assert_eq!(all["agent_ids"], json!([]));
    let id = text(&all["id"]);
    for (given, expected) in lines(AGENTS) {
        let body = format!(r#"{{"agent_ids": {given}}}"#);
        let answer = customer.send(Method::PATCH, &format!("/v1/destinations/{id}"), Some(body)).await;
        let new = format!(r#"{{"name": "CRM", "url": "https://localhost:8443/new", "agent_ids": {given}}}"#);
        let added = customer.send(Method::POST, "/v1/destinations", Some(new)).await;
        if expected == "refused" {
            for answer in [answer, added] {
                let rule = "must be an array of at most 20 ids, each a text of 1 to 256 bytes";
                assert_eq!(assert_refuses(&answer, "agent_ids"), rule, "{given}");
            }
        } else {
            assert_eq!((answer.0, answer.1["agent_ids"].to_string().as_str()), (StatusCode::OK, expected));
            assert_eq!((added.0, added.1["agent_ids"].to_string().as_str()), (StatusCode::CREATED, expected));
            assert_eq!(customer.remove(&text(&added.1["id"])).await, StatusCode::NO_CONTENT);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_agent_has_a_crm_of_its_own() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    for (path, agents) in
        [("/a", json!(["a"])), ("/b", json!(["b"])), ("/ab", json!(["b", "a"])), ("/all", json!([]))]
    {
        customer.add(json!({"url": world.stack.receiver.url(path), "agent_ids": agents})).await;
    }
    let off = json!({"url": "https://localhost:8443/off", "status": "disabled", "agent_ids": ["b"]});
    let off = text(&customer.add(off).await.1["id"]);
    for (conversation, agent) in
        [("of-a", json!("a")), ("of-b", json!("b")), ("of-c", json!("A")), ("of-none", json!(null))]
    {
        let ended =
            json!({"conversation_id": conversation, "conversation_status": "COMPLETED", "agent_id": agent});
        customer.call(Method::POST, "/v1/flows/hangup", Some(&ended)).await;
    }
    world.stack.receiver.wait_for("/all", 4).await;
    world.quiet().await;
    let received = |path: &str| {
        let payload = |request: &local::receiver::Received| {
            serde_json::from_slice::<Value>(request.payload.as_ref().unwrap()).unwrap()
        };
        let requests = world.stack.receiver.received(path);
        let mut conversations: Vec<_> =
            requests.iter().map(|request| text(&payload(request)["conversation_id"])).collect();
        conversations.sort();
        conversations
    };
    assert_eq!((received("/a"), received("/b")), (vec!["of-a".to_owned()], vec!["of-b".to_owned()]));
    assert_eq!(received("/ab"), ["of-a", "of-b"]);
    // What a destination does not want is not recorded, and a disabled one skips what it wants.
    for (conversation, deliveries) in [("of-a", 3), ("of-b", 4), ("of-c", 1), ("of-none", 1)] {
        assert_eq!(customer.deliveries_of(conversation).await.len(), deliveries, "{conversation}");
    }
    let skipped = customer.get(&format!("/v1/deliveries?destination_id={off}")).await;
    assert_eq!(skipped["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(skipped["deliveries"][0]["status"], "skipped");
}
