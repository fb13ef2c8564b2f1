//! What the Lambda functions share: the types of an invocation, and the response to an HTTP request.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::request::Request;

/// Why an invocation fails as a whole: Lambda reports it to the invoker.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The raw JSON that a function is invoked with: records in it are passed on byte for byte.
pub type Event = Box<RawValue>;

/// Whether an invocation is a request to the HTTP API, rather than from another source.
#[must_use]
pub fn is_http(event: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "routeKey")]
        _route_key: IgnoredAny,
    }
    serde_json::from_str::<Request>(event.get()).is_ok()
}

/// Answers a request to the HTTP API. A problem becomes a response, too.
pub async fn answer<F>(event: &RawValue, route: impl FnOnce(Request) -> F) -> Result<Value, Error>
where
    F: Future<Output = Result<Reply, Problem>>,
{
    let event: ApiGatewayV2httpRequest = serde_json::from_str(event.get())?;
    let route_key = event.route_key.clone();
    let is_head = event.request_context.http.method == http::Method::HEAD;
    let reply = match Request::read(event) {
        // Boxed: a route nests futures so deeply that the compiler gives up on its layout.
        Ok(request) => Box::pin(route(request)).await.unwrap_or_else(Reply::from),
        Err(problem) => problem.reply(),
    };
    let mut response: ApiGatewayV2httpResponse = reply.into_response();
    if is_head {
        response.body = None;
    }
    tracing::debug!(route = route_key, status = response.status_code, "request.answered");
    Ok(serde_json::to_value(response)?)
}
