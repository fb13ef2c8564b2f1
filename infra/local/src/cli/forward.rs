//! Forwards requests to a plain http server, unchanged, and its answers back.

use std::net::SocketAddr;
use std::sync::Arc;

use adapters::function::Error;
use bytes::Bytes;
use domain::delivery::deliver::ATTEMPT_LIMIT;
use domain::shared::clock::Clock as _;
use domain::shared::timestamp::Timestamp;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use local::clock::Clock;
use local::guard;
use local::https::{self, Failure};
use local::receiver::WebhookFields;
use reqwest::{Body, Client, Url};
use serde_json::json;

use super::api::{plain, root_cause};
use super::output::{Color, Output};

/// Headers of one connection, which the next has its own of, and the host's name.
const OF_A_CONNECTION: [HeaderName; 9] = [
    HeaderName::from_static("keep-alive"),
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Forwards to one server.
pub(crate) struct Forward {
    server: Url,
    /// Where it is called.
    address: SocketAddr,
    http: Client,
    output: Output,
}

impl Forward {
    pub(crate) fn to(server: &Url, address: SocketAddr, output: Output) -> Result<Self, Error> {
        // Its answer is passed on, a redirect too.
        let client = plain().redirect(reqwest::redirect::Policy::none());
        Ok(Self { server: server.clone(), address, http: client.http1_only().build()?, output })
    }

    /// Answers a webhook as the server does.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Failure> {
        let (head, body) = request.into_parts();
        if let Err(reason) = guard::check_webhook(&head, self.address) {
            return Ok(failed(StatusCode::FORBIDDEN, reason));
        }
        let body = https::read(body).await?;
        // A task of its own, because the sender gives up at the same limit, and this line is to be printed all the same.
        tokio::spawn(async move {
            let started = Clock::system().now();
            let result = tokio::time::timeout(ATTEMPT_LIMIT, self.forward(&head, body.clone())).await;
            let result = match result {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(error)) => {
                    Err((StatusCode::BAD_GATEWAY, format!("cannot be reached: {}", root_cause(&error))))
                }
                Err(_) => Err((StatusCode::GATEWAY_TIMEOUT, "has not answered in time".to_owned())),
            };
            let result = result.map_err(|(status, reason)| (status, format!("{} {reason}", self.server)));
            let (status, reason) = match &result {
                Ok(response) => (response.status(), ""),
                Err((status, reason)) => (*status, reason.as_str()),
            };
            // A webhook does not fail because nobody reads the line.
            let _ = self.print(&head, &body, (status, reason), started).await;
            Ok(result.unwrap_or_else(|(status, reason)| failed(status, reason)))
        })
        .await?
    }

    async fn forward(&self, head: &Parts, body: Bytes) -> reqwest::Result<Response<Body>> {
        let mut url = self.server.clone();
        url.set_path(head.uri.path());
        url.set_query(head.uri.query());
        let request =
            self.http.request(head.method.clone(), url).headers(passed_on(&head.headers)).body(body);
        let (head, body) = Response::<Body>::from(request.send().await?).into_parts();
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = passed_on(&head.headers);
        Ok(response)
    }

    async fn print(
        &self,
        head: &Parts,
        body: &Bytes,
        (status, reason): (StatusCode, &str),
        started: Timestamp,
    ) -> std::io::Result<()> {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let fields = WebhookFields::read(head.uri.query().unwrap_or_default(), &head.headers, body).await;
        let (event, id, attempt) =
            (fields.event.unwrap_or_default(), header("webhook-id"), header("webhook-attempt"));
        let took = Clock::system().now().since(started).as_millis();
        let value = json!({"at": started, "event": event, "id": id, "attempt": attempt.parse::<u32>().ok(),
            "status": status.as_u16(), "duration_ms": took, "error": (!reason.is_empty()).then_some(reason)});
        let line = format!(
            "{}  {}  {id}  attempt {attempt}  {}  {took:>5} ms  {reason}",
            &started.to_string()[11..19],
            self.output.paint(Color::Cyan, &format!("{event:<25}")),
            self.output.judge(status.is_success(), &status.to_string()),
        );
        self.output.show(&value, line.trim_end())
    }
}

/// All headers but those of a connection.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !OF_A_CONNECTION.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// An answer of ours, where the server has given none.
fn failed(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
