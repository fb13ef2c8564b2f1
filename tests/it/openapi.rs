//! The API's description is complete, and the check against it ([`crate::described`]) can fail.

use std::collections::{BTreeMap, BTreeSet};

use adapters::http::problem::Code;
use local::template::{Parameters, Route, Template};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use strum::VariantArray;
use tokio::process::Command;
use url::Url;

use crate::described::{Exchange, check, description, fits, paths};
use crate::tools::missing;
use crate::world::{World, text};

#[test]
fn every_route_is_described_and_nothing_else() {
    let template = Template::read(&Parameters::new()).unwrap();
    // The page is not part of the API, and HEAD is as GET.
    let others = ["GET /", "GET /portal/{token}", "GET /docs", "GET /assets/{version}/{name}", "$default"];
    let routes = template.routes.iter().filter(|route| route.method != "HEAD");
    let routes = routes.map(Route::key).filter(|key| !others.contains(&key.as_str()));
    let described = paths().iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys().filter(|key| *key != "parameters");
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), routes.collect::<BTreeSet<_>>());
}

#[test]
fn every_code_of_a_problem_is_described_with_its_status() {
    let codes = &description()["components"]["schemas"]["Problem"]["properties"]["code"]["oneOf"];
    let described: BTreeMap<_, _> = codes
        .as_array()
        .unwrap()
        .iter()
        .map(|code| (text(&code["const"]), code["x-status"].clone()))
        .collect();
    let known = Code::VARIANTS.iter().map(|code| (code.as_ref().to_owned(), json!(code.status().as_u16())));
    assert_eq!(described, known.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_all_mistakes_and_a_page() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let body = json!({"url": "http://example.com", "request_type": "DELETE", "secret": "short", "color": "red",
        "headers": {"host": "a", "x-a": 5}});
    for (method, path, body, fields) in [
        (
            Method::POST,
            "/v1/destinations",
            Some(body),
            &["name", "color", "url", "request_type", "headers.x-a", "headers.host", "secret"][..],
        ),
        (
            Method::POST,
            "/v1/flows/hangup",
            Some(json!({"notes": 5})),
            &["conversation_id", "notes", "conversation_status"],
        ),
        (
            Method::PUT,
            "/v1/conversations/c-1",
            Some(json!({"conversation_id": "c-2", "notes": 5})),
            &["conversation_id", "notes"],
        ),
        (
            Method::POST,
            "/v1/recoveries",
            Some(json!({"cursor": "x", "include": [], "per_second": 0, "status": "delivered", "until": 5})),
            &["cursor", "since", "until", "status", "include", "per_second"],
        ),
        (Method::GET, "/v1/deliveries?status=x&limit=0", None, &["status", "limit"]),
        (Method::GET, "/v1/events?status=x&limit=0", None, &["limit", "status"]),
        (Method::GET, "/v1/stats?to=x", None, &["from", "to"]),
    ] {
        let (status, problem) = customer.send(method, path, body.map(|body| body.to_string())).await;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("/docs#invalid")),
            "{path}"
        );
        let errors = problem["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{path}: {problem}");
        let sentences =
            errors.iter().map(|error| format!("{} {}.", text(&error["field"]), text(&error["rule"])));
        assert_eq!(problem["detail"], sentences.collect::<Vec<_>>().join(" "));
    }
}

#[test]
fn an_answer_that_is_not_as_described_is_found() {
    let stats = json!({
        "from": "2026-09-01T00:00:00Z", "to": "2026-09-02T00:00:00Z", "succeeded": 1, "failed": 0,
        "p50_ms": 3, "p95_ms": null, "last": null,
        "sampled": false, "buckets": [],
    });
    let with = |name: &str, value: Value| {
        let mut changed = stats.clone();
        changed[name] = value;
        changed
    };
    let mut without = stats.clone();
    without.as_object_mut().unwrap().remove("last");
    let headers = |media_type: &'static str| {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))])
    };
    let url = |rest: &str| {
        Url::parse(&format!("https://api.example.com/v1/stats?from=2026-09-01T00:00:00Z{rest}")).unwrap()
    };
    let (asked, json_type) = (url("&to=2026-09-02T00:00:00Z&buckets=2"), headers("application/json"));
    let good = Exchange {
        method: &Method::GET,
        url: &asked,
        body: b"",
        status: StatusCode::OK,
        headers: &json_type,
        answer: &stats,
    };
    assert_eq!(check(&good), Ok(()));
    let last = json!({"at": "2026-09-01T00:00:00Z", "outcome": "ok", "http_status": 200});
    for bad in [
        Exchange { answer: &with("succeeded", json!("1")), ..good },
        Exchange { answer: &with("more", json!(1)), ..good },
        Exchange { answer: &with("from", json!("yesterday")), ..good },
        Exchange { answer: &with("last", last), ..good },
        Exchange { answer: &without, ..good },
        Exchange { status: StatusCode::CREATED, ..good },
        Exchange { headers: &headers("text/html"), ..good },
        Exchange { headers: &HeaderMap::new(), ..good },
        Exchange { body: b"{}", ..good },
        Exchange { url: &url(""), ..good },
        Exchange { url: &url("&to=2026-09-02T00:00:00Z&buckets=201"), ..good },
        Exchange { url: &url("&to=2026-09-02T00:00:00Z&bucket=2"), ..good },
    ] {
        assert!(check(&bad).is_err(), "{} {} {:?}", bad.url, bad.answer, bad.status);
    }
    // Errors of the gateway itself.
    for (status, message) in [
        (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long"),
        (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    ] {
        let url = Url::parse("https://api.example.com/v1/flows/hangup").unwrap();
        let answer = json!({ "message": message });
        let from_gateway = Exchange { method: &Method::POST, url: &url, status, answer: &answer, ..good };
        assert_eq!(check(&from_gateway), Ok(()), "{status}");
    }
}

/// Bodies that the API refuses do not match the description.
#[test]
fn what_is_refused_is_not_described() {
    for (schema, body) in [
        ("Hangup", json!({"conversation_id": "a#b", "conversation_status": "COMPLETED"})),
        ("Hangup", json!({"conversation_id": "c-1", "conversation_status": "PENDING"})),
        ("Hangup", json!({"conversation_id": "c-1", "conversation_status": "COMPLETED", "more": 1})),
        ("OutboundCall", json!({"conversation_id": "c-1"})),
        ("ConversationChange", json!({"conversation_duration": -1})),
        ("NewDestination", json!({"name": "CRM"})),
        ("NewDestination", json!({"name": "CRM", "url": "http://example.com"})),
        ("NewDestination", json!({"name": "CRM", "url": "https://example.com", "headers": {"a b": "c"}})),
        ("DestinationChange", json!({"request_type": "DELETE"})),
        ("DestinationChange", json!({"format": "xml"})),
        ("DestinationChange", json!({"retry": "forever"})),
        ("DestinationChange", json!({"agent_ids": [""]})),
        ("DestinationChange", json!({"agent_ids": vec!["a"; 21]})),
    ] {
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        assert!(fits(&schema, &body).is_err(), "{schema} {body}");
    }
}

/// Every body that the description gives as an example is taken.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_are_true() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let event = customer.hang_up("c-1").await;
    let delivery = text(&customer.delivery_once("c-1", "delivered").await["id"]);
    let mut tried = 0;
    for (path, operations) in paths() {
        let own = path.replace("{destination_id}", &destination).replace("{delivery_id}", &delivery);
        let own = own.replace("{event_id}", &event);
        let own = own.replace("{conversation_id}", "c-2").replace("{provider}", "twilio");
        for (method, operation) in operations.as_object().unwrap() {
            let Some(content) = operation.pointer("/requestBody/content/application~1json") else { continue };
            // Providers' bodies are signed.
            if operation["security"] == json!([]) {
                continue;
            }
            let example = content.get("example").unwrap_or_else(|| panic!("{method} {path} has no example"));
            let method = method.to_uppercase().parse().unwrap();
            let (status, answer) = customer.send(method, &own, Some(example.to_string())).await;
            assert!(status.is_success(), "{path} {example}: {answer}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried} examples");
}

#[tokio::test]
async fn the_page_of_the_reference_is_made_from_the_description() {
    let made = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/query/docs")).output().await;
    let Ok(made) = made else { return missing("python3") };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let committed = include_str!("../../functions/query/docs.html");
    let is_same = String::from_utf8(made.stdout).unwrap() == committed;
    assert!(is_same, "run: functions/query/docs > functions/query/docs.html");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_as_it_is_and_without_a_key() {
    let world = World::start().await;
    let answer = world.http.get(world.stack.url("/openapi.json")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().await.unwrap(), include_str!("../../functions/query/openapi.json"));
}
