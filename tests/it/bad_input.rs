//! Malformed input: no route fails on it, and client errors say what is wrong.

use std::time::{Duration, Instant};

use domain::shared::ids::DeliveryId;
use local::template::{Parameters, Template};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::described;
use crate::world::{Customer, World, text};

/// The maximum time of a response on a busy machine. Anything slower is quadratic in its input.
const PROMPT: Duration = Duration::from_secs(5);

/// The maximum size of an error response: errors do not echo their input.
const MAX_ANSWER_BYTES: usize = 4096;

/// A route whose path parameters are filled with the caller's own ids.
struct Route {
    key: String,
    method: String,
    path: String,
}

/// Every route of the template, so that a new route is tested without being named here.
fn routes(customer: &Customer, destination: &str, delivery: &str, recovery: &str) -> Vec<Route> {
    let template = Template::read(&Parameters::new()).unwrap();
    let event = DeliveryId::parse(delivery).unwrap().event_id().unwrap().to_string();
    let own = [
        ("{account_id}", customer.account_id.as_str()),
        ("{conversation_id}", "c-1"),
        ("{destination_id}", destination),
        ("{delivery_id}", delivery),
        ("{event_id}", event.as_str()),
        ("{recovery_id}", recovery),
        ("{provider}", "daily"),
        ("{token}", "x"),
        ("{key_id}", "vk_0000000000000000"),
        ("{version}", "0"),
        ("{name}", "app.js"),
    ];
    let route = |route: &local::template::Route| {
        let path = own.iter().fold(route.path.clone(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{path} has an unknown parameter");
        Route { key: route.key(), method: route.method.clone(), path }
    };
    // Deletions come last, because other routes need what they delete.
    let mut routes: Vec<_> = template.routes.iter().filter(|route| !route.is_default()).map(route).collect();
    routes.sort_by_key(|route| route.method == "DELETE");
    routes
}

/// Content types that no route accepts.
const KINDS: [&str; 4] = [
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
];

/// Fields of the routes, each with a type that no route accepts.
const WRONG_TYPES: &str =
    r#"{"name":1,"url":[],"conversation_id":{},"secret":5,"since":7,"grace_hours":"x","event":1}"#;

/// Bodies that no route accepts.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str, levels: usize| {
        format!("{{\"conversation_transcript\":{}{}}}", open.repeat(levels), close.repeat(levels))
            .into_bytes()
    };
    let many = (0..250_000).map(|n| format!("\"{n:x}\":0")).collect::<Vec<_>>().join(",");
    vec![
        ("a cut-off object", b"{".to_vec()),
        ("text", b"\"text\"".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"1e999999".to_vec()),
        ("an array", b"[]".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("a byte order mark before an unknown field", b"\xef\xbb\xbf{\"nome\":1}".to_vec()),
        ("UTF-16", b"{\0}\0".to_vec()),
        ("invalid UTF-8 in an unknown field", b"{\"nome\":\"\xff\xfe\"}".to_vec()),
        ("half a surrogate pair in an unknown field", br#"{"\ud800":1}"#.to_vec()),
        ("NUL bytes", vec![0; 1000]),
        ("a field twice", br#"{"name":"a","name":"b"}"#.to_vec()),
        ("an unknown field", br#"{"constructor":{"name":1}}"#.to_vec()),
        ("a field with a long name", format!("{{\"{}\":1}}", "x".repeat(1_000_000)).into_bytes()),
        ("a quarter of a million fields", format!("{{{many}}}").into_bytes()),
        ("wrong types", WRONG_TYPES.as_bytes().to_vec()),
        (
            "huge numbers",
            format!("{{\"conversation_duration\":{0},\"grace_hours\":{0}}}", "9".repeat(5000)).into_bytes(),
        ),
        ("a hundred thousand nested arrays", deep("[", "]", 100_000)),
        ("a hundred thousand nested objects", deep("{\"a\":", "}", 100_000)),
        ("three megabytes", vec![b' '; 3 << 20]),
    ]
}

struct Sent {
    status: StatusCode,
    body: String,
    took: Duration,
}

async fn send(
    http: &Client,
    customer: &Customer,
    url: String,
    route: &Route,
    body: Option<Vec<u8>>,
    kind: &str,
) -> Sent {
    let mut request = http.request(route.method.parse().unwrap(), url).header("x-api-key", &customer.key);
    if let Some(body) = body {
        request = request.header("content-type", kind).body(body);
    }
    let start = Instant::now();
    let (status, answer) = described::send(request).await;
    let body = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    Sent { status, body, took: start.elapsed() }
}

fn check(what: &str, route: &Route, sent: &Sent) {
    let Sent { status, body, took } = sent;
    let what = format!("{} with {what}: {status} {}", route.key, &body[..body.len().min(300)]);
    assert!(!status.is_server_error(), "{what}");
    assert!(*took < PROMPT, "{what} took {took:?}");
    if status.is_client_error() {
        assert!(body.len() < MAX_ANSWER_BYTES, "{what}: {} bytes", body.len());
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(problem["detail"].is_string() || problem["message"].is_string(), "{what}");
    }
}

async fn prepared() -> (World, Customer, Vec<Route>) {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    customer.hang_up("c-1").await;
    let delivery = text(&customer.delivery_once("c-1", "delivered").await["id"]);
    let (_, recovery) = customer.recover(&json!({"since": "2026-01-01T00:00:00Z"})).await;
    let routes = routes(&customer, &destination, &delivery, &text(&recovery["id"]));
    (world, customer, routes)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_makes_a_route_fail() {
    let (world, customer, routes) = prepared().await;
    let takes_a_body = |route: &&Route| ["POST", "PUT", "PATCH"].contains(&route.method.as_str());
    for route in routes.iter().filter(takes_a_body) {
        let of_other_types = KINDS.map(|kind| ("wrong types", WRONG_TYPES.as_bytes().to_vec(), kind));
        let as_json = bodies().into_iter().map(|(what, body)| (what, body, "application/json"));
        for (what, body, kind) in as_json.chain(of_other_types) {
            let url = world.stack.url(&route.path);
            let sent = send(&world.http, &customer, url, route, Some(body), kind).await;
            check(what, route, &sent);
            let what = format!("{} accepted {what} as {kind}: {}", route.key, sent.body);
            assert!(sent.status.is_client_error(), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_makes_a_route_fail() {
    let (world, customer, routes) = prepared().await;
    let long = "x".repeat(6000);
    let many = (0..2500).map(|n| format!("{n}=")).collect::<Vec<_>>().join("&");
    for route in &routes {
        for query in [
            "%",
            "%ff%fe",
            "%00",
            "limit=1&limit=2",
            "limit=99999999999999999999",
            "cursor=%F0%9F%92%A9",
            "from=%00",
            "&&&=&=",
            &long,
            &many,
        ] {
            let url = world.stack.url(&format!("{}?{query}", route.path));
            let sent = send(&world.http, &customer, url, route, None, "").await;
            check(&format!("the query {query:.40}"), route, &sent);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_leaves_no_trace() {
    let (_world, customer, _) = prepared().await;
    let deep = |levels: usize| {
        let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(
            r#"{{"conversation_id":"c-deep","conversation_status":"COMPLETED","conversation_transcript":{nested}}}"#
        )
    };
    let (status, problem) =
        customer.send("POST".parse().unwrap(), "/v1/flows/hangup", Some(deep(2000))).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("conversation_transcript")),
        "{problem}"
    );
    let (status, _) = customer.send("GET".parse().unwrap(), "/v1/public/conversations/c-deep", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // A realistic depth is delivered.
    let (status, answer) = customer.send("POST".parse().unwrap(), "/v1/flows/hangup", Some(deep(64))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let delivery = customer.delivery_once("c-deep", "delivered").await;
    assert!(!delivery["payload"].is_null());
    assert_eq!(customer.get("/v1/public/conversations/c-deep").await["conversation_status"], "COMPLETED");
}

/// The HTTP API passes bodies of non-text types as base64.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_claims_to_be_base64_and_is_not_is_refused() {
    let world = World::start().await;
    let event = json!({
        "version": "2.0", "routeKey": "POST /v1/flows/hangup", "rawPath": "/v1/flows/hangup", "rawQueryString": "",
        "headers": {}, "body": "{}", "isBase64Encoded": true,
        "requestContext": {"http": {"method": "POST", "path": "/v1/flows/hangup"}},
    });
    let answer = world.stack.invoke("Ingest", &event).await.unwrap();
    assert_eq!(answer["statusCode"], 400, "{answer}");
    assert!(text(&answer["body"]).contains("base64"), "{answer}");
}
