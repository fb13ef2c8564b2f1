//! The HTTP API over a socket.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::clock::Clock;
use crate::lambda::function::{Function, Running};
use crate::lambda::invoke_api;
use crate::template::{Parameters, Template};

/// Answers with the event it got, or as the request's header `x-do` says.
struct Echo;

impl Function for Echo {
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let mut event: Value = serde_json::from_slice(&payload).unwrap();
            match event.pointer("/headers/x-do").or(event.get("do")).and_then(Value::as_str) {
                Some("time out") => Err(InvokeError::TimedOut),
                Some("throttle") => Err(InvokeError::Throttled),
                _ => {
                    event["deadline"] = json!(deadline_ms);
                    Ok(Bytes::from(event.to_string()))
                }
            }
        })
    }
}

struct World {
    url: String,
    client: Client,
}

async fn world() -> World {
    let template = Template::read(&Parameters::new()).unwrap();
    let (clock, _control) = Clock::manual(1_700_000_000_000);
    let echo = Deployed {
        name: "Echo".to_owned(),
        allows_loops: false,
        function: Arc::new(Echo),
        timeout: Duration::from_secs(10),
        clock,
        asynchronous: None,
        running: Running::default(),
    };
    let functions = template.functions.iter().map(|function| (function.id.clone(), echo.clone())).collect();
    let router = router(&template.routes, &functions).unwrap().merge(invoke_api::router(functions));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    // Fails if another test has installed the provider already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    World { url, client: Client::builder().no_proxy().tls_certs_only([]).build().unwrap() }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

impl World {
    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).body(body)
    }
}

#[tokio::test]
async fn a_request_reaches_the_function_of_its_route() {
    let world = world().await;
    let (status, event) = answer(world.get("/v1/deliveries/dlv_1?x=1")).await;
    assert_eq!(status, 200);
    assert_eq!(event["routeKey"], "GET /v1/deliveries/{delivery_id}");
    assert_eq!(event["pathParameters"], json!({"delivery_id": "dlv_1"}));
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["deadline"], 1_700_000_010_000_u64);
}

#[tokio::test]
async fn what_no_route_takes_reaches_the_function_of_the_default_route() {
    let world = world().await;
    for path in ["/v1/nothing", "/v1/flows/hangup", "/v1/deliveries/"] {
        let (status, event) = answer(world.get(path)).await;
        assert_eq!((status, &event["routeKey"], &event["rawPath"]), (200, &json!("$default"), &json!(path)));
        assert_eq!(event.get("pathParameters"), None);
    }
}

/// Read from the length, as an answer to HEAD has no body.
#[tokio::test]
async fn head_is_not_taken_for_get() {
    let world = world().await;
    let length = async |method: reqwest::Method, path: &str| {
        let request = world.client.request(method, format!("{}{path}", world.url));
        request.send().await.unwrap().headers()["content-length"].to_str().unwrap().parse::<usize>().unwrap()
    };
    for (path, shorter) in
        [("/v1/events", "GET /v1/events".len()), ("/openapi.json", "GET /openapi.json".len())]
    {
        let (get, head) =
            (length(reqwest::Method::GET, path).await, length(reqwest::Method::HEAD, path).await);
        // The route's name twice, and the method once.
        assert_eq!(head, get + "HEAD".len() - "GET".len() - 2 * (shorter - "$default".len()), "{path}");
    }
}

#[tokio::test]
async fn a_function_that_fails_is_an_error_without_a_reason() {
    let world = world().await;
    let failing = world.get("/v1/deliveries").header("x-do", "time out");
    assert_eq!(answer(failing).await, (500, json!({"message": "Internal Server Error"})));
    let throttled = world.get("/v1/deliveries").header("x-do", "throttle");
    assert_eq!(answer(throttled).await, (503, json!({"message": "Service Unavailable"})));
}

#[tokio::test]
async fn a_body_of_up_to_6_mb_passes() {
    let world = world().await;
    let largest = vec![b'x'; MAX_BODY_BYTES];
    assert_eq!(answer(world.post("/v1/flows/hangup", largest)).await.0, 200);
    let refused = answer(world.post("/v1/flows/hangup", vec![b'x'; MAX_BODY_BYTES + 1])).await;
    assert_eq!(refused, (413, json!({"message": "Request Too Long"})));
}

#[tokio::test]
async fn a_function_can_be_invoked_directly() {
    let world = world().await;
    let invocations = "/2015-03-31/functions/Destinations/invocations";
    let (status, answered) = answer(world.post(invocations, r#"{"create_account":{}}"#)).await;
    assert_eq!((status, &answered["create_account"]), (200, &json!({})));

    let failed = world.post(invocations, r#"{"do":"time out"}"#).send().await.unwrap();
    assert_eq!(
        (failed.status().as_u16(), &failed.headers()["x-amz-function-error"]),
        (200, &"Unhandled".parse().unwrap())
    );
    let throttled = world.post(invocations, r#"{"do":"throttle"}"#).send().await.unwrap();
    assert_eq!(throttled.status(), 429);
    let unknown = world.post("/2015-03-31/functions/Nobody/invocations", "{}").send().await.unwrap();
    assert_eq!(
        (unknown.status().as_u16(), &unknown.headers()["x-amzn-errortype"]),
        (404, &"ResourceNotFoundException".parse().unwrap())
    );
    for (kind, status) in [("RequestResponse", 200), ("Event", 202), ("DryRun", 400)] {
        let answer =
            world.post(invocations, "{}").header("x-amz-invocation-type", kind).send().await.unwrap();
        assert_eq!(answer.status(), status, "{kind}");
    }
}

#[test]
fn a_route_to_a_function_that_is_not_there_is_named() {
    let template = Template::read(&Parameters::new()).unwrap();
    let error = router(&template.routes, &Functions::new()).unwrap_err();
    assert!(error.to_string().ends_with("no such function"), "{error}");
}
