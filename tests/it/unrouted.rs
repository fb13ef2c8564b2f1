//! Requests that no route takes, and HEAD.

use std::collections::{BTreeMap, BTreeSet};

use local::template::{Parameters, Template};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::described::fits;
use crate::world::World;

/// The methods of the template's routes by path; HEAD is with GET, but not for callbacks, which have effects.
fn methods() -> BTreeMap<String, BTreeSet<String>> {
    let mut methods = BTreeMap::<String, BTreeSet<String>>::new();
    for route in
        Template::read(&Parameters::new()).unwrap().routes.into_iter().filter(|route| !route.is_default())
    {
        let of_path = methods.entry(route.path.clone()).or_default();
        if route.method == "GET" && !route.path.starts_with("/v1/flows/") {
            of_path.insert("HEAD".to_owned());
        }
        of_path.insert(route.method);
    }
    methods
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_is_not_found_and_a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let send = async |method: &str, path: &str| {
        let request = world.http.request(method.parse().unwrap(), world.stack.url(path));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method} {path}");
        let (status, allow) = (answer.status(), answer.headers().get("allow").cloned());
        let body: Value = answer.json().await.unwrap();
        assert_eq!(fits(&problem, &body), Ok(()), "{body}");
        (status, allow.map(|allow| allow.to_str().unwrap().to_owned()), body)
    };
    for path in
        ["/v1", "/v1/nothing", "/v1/deliveries/", "/v1/destinations/a/b", "//", "/assets/a", "/robots.txt"]
    {
        let (status, allow, body) = send("GET", path).await;
        assert_eq!(
            (status, allow, &body["code"]),
            (StatusCode::NOT_FOUND, None, &json!("not_found")),
            "{path}"
        );
    }
    for (path, methods) in methods() {
        let path = path.replace(['{', '}'], "");
        for wrong in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if methods.contains(wrong) {
                continue;
            }
            let (status, allow, body) = send(wrong, &path).await;
            assert_eq!(
                (status, &body["code"]),
                (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed")),
                "{wrong} {path}"
            );
            let allow = allow.unwrap();
            assert_eq!(
                allow.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(),
                methods,
                "{wrong} {path}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_without_the_body() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    for (path, methods) in methods() {
        if !methods.contains("GET") {
            continue;
        }
        let path = path.replace("{destination_id}", &destination).replace(['{', '}'], "");
        for key in [Some(&customer.key), None] {
            let send = async |method: Method| {
                let request = world.http.request(method, world.stack.url(&path));
                let request = key.into_iter().fold(request, |request, key| request.header("x-api-key", key));
                let answer = request.send().await.unwrap();
                let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
                (status, kind, answer.bytes().await.unwrap())
            };
            let ((status, kind, body), head) = (send(Method::GET).await, send(Method::HEAD).await);
            assert!(!body.is_empty() && head.2.is_empty(), "{path}");
            if methods.contains("HEAD") {
                assert_eq!((head.0, head.1), (status, kind), "{path}");
            } else {
                assert_eq!(head.0, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            }
        }
    }
}
