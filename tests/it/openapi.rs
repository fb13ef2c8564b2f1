//! The description of the API: complete, and held against every answer ([`crate::described`]).

use std::collections::BTreeSet;

use local::template::{Parameters, Route, Template};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::described::{Exchange, hold, paths};
use crate::world::World;

#[test]
fn every_route_is_described_and_nothing_else() {
    let template = Template::read(&Parameters::new()).unwrap();
    // The page is for people.
    let routes = template
        .routes
        .iter()
        .map(Route::key)
        .filter(|key| !["GET /", "GET /assets/{version}/{name}"].contains(&key.as_str()));
    let described = paths().iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys().filter(|key| *key != "parameters");
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), routes.collect::<BTreeSet<_>>());
}

#[test]
fn an_answer_that_is_not_as_described_is_found() {
    let stats = json!({
        "from": "2026-09-01T00:00:00Z", "to": "2026-09-02T00:00:00Z", "succeeded": 1, "failed": 0, "last": null,
        "complete": true, "buckets": [],
    });
    let with = |name: &str, value: Value| {
        let mut changed = stats.clone();
        changed[name] = value;
        changed
    };
    let mut without = stats.clone();
    without.as_object_mut().unwrap().remove("last");
    let good = Exchange {
        method: &Method::GET,
        path: "/v1/stats?from=2026-09-01T00:00:00Z",
        body: None,
        status: StatusCode::OK,
        media_type: Some("application/json"),
        answer: &stats,
    };
    assert_eq!(hold(&good), Ok(()));
    for bad in [
        Exchange { answer: &with("succeeded", json!("1")), ..good },
        Exchange { answer: &with("more", json!(1)), ..good },
        Exchange {
            answer: &with("last", json!({"at": "2026-09-01T00:00:00Z", "outcome": "ok", "http_status": 200})),
            ..good
        },
        Exchange { answer: &without, ..good },
        Exchange { status: StatusCode::CREATED, ..good },
        Exchange { media_type: Some("text/html"), ..good },
        Exchange { media_type: None, ..good },
        Exchange { body: Some("{}"), ..good },
    ] {
        assert!(hold(&bad).is_err(), "{} {:?}", bad.answer, bad.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_as_it_is_and_without_a_key() {
    let world = World::start().await;
    let answer = world.http.get(world.stack.url("/openapi.json")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().await.unwrap(), include_str!("../../functions/query/openapi.json"));
}
