//! Calls the public API.

use std::error::Error as _;
use std::time::Duration;

use adapters::function::Error;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;

/// How long the API may take to answer: as long as API Gateway lets it.
const LIMIT: Duration = Duration::from_secs(30);

/// The public API, and a key.
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) key: String,
    http: Client,
}

impl Api {
    pub(crate) fn new(url: &str, key: &str) -> Result<Self, Error> {
        let url = url.trim_end_matches('/').to_owned();
        let client = if url.starts_with("https://") { with_tls() } else { plain() };
        let client = client.timeout(LIMIT);
        Ok(Self { url, key: key.to_owned(), http: client.build()? })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let request = self.request(method, path).header("x-api-key", &self.key);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        self.answer(request).await
    }

    /// A request without the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// The JSON of a successful answer. A request over the account's limit waits and is sent again.
    pub(crate) async fn answer(&self, mut request: RequestBuilder) -> Result<Value, Error> {
        loop {
            let again = request.try_clone();
            let answer = request.send().await.map_err(|error| self.no_answer(&error))?;
            let status = answer.status();
            if let (StatusCode::TOO_MANY_REQUESTS, Some(again)) = (status, again) {
                let wait =
                    answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1))).await;
                request = again;
                continue;
            }
            let body = answer.bytes().await.map_err(|error| self.no_answer(&error))?;
            let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
            return if status.is_success() { Ok(json) } else { Err(self.refusal(status, &json).into()) };
        }
    }

    fn no_answer(&self, error: &reqwest::Error) -> String {
        format!("the API at {} does not answer: {}", self.url, root_cause(error))
    }

    fn refusal(&self, status: StatusCode, problem: &Value) -> Refused {
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let sentence = match (text("detail"), text("message")) {
            _ if status == StatusCode::UNAUTHORIZED => {
                format!("the API at {} does not know this key", self.url)
            }
            (detail, _) if !detail.is_empty() => detail,
            (_, message) => format!("the API at {} answered {status} {message}", self.url),
        };
        Refused { code: text("code"), sentence }
    }
}

/// What the API has answered in place of success.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Refused {
    /// The problem's code for programs.
    pub(crate) code: String,
    sentence: String,
}

/// An HTTP client for servers on this machine. Proxies and certificates are for others.
pub(crate) fn plain() -> ClientBuilder {
    with_tls().no_proxy().tls_certs_only([])
}

fn with_tls() -> ClientBuilder {
    let _ = ring::default_provider().install_default(); // fails only if it is installed already
    Client::builder()
}

/// The last cause of an error, which says most: the others say that a request failed.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let last = std::iter::successors(error.source(), |cause| (*cause).source()).last();
    last.map_or_else(|| error.to_string(), ToString::to_string)
}
