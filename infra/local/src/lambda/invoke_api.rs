//! The part of Lambda's own API that one machine needs: direct invocation, which IAM guards in the cloud.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use serde_json::json;

use super::asynchronous;
use super::function::{Functions, InvokeError, MAX_BODY_BYTES};

/// The caller waits for the answer.
const REQUEST_RESPONSE: &str = "RequestResponse";

/// The caller does not wait.
const EVENT: &str = "Event";

/// Routes `POST /2015-03-31/functions/{name}/invocations`, so that `aws lambda invoke --endpoint-url` works.
pub fn router(functions: Functions) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .with_state(Arc::new(functions))
}

async fn invoke(
    State(functions): State<Arc<Functions>>,
    Path(name): Path<String>,
    request: Request,
) -> Response<Body> {
    let kind = request.headers().get("x-amz-invocation-type");
    let waits = kind.is_none_or(|kind| kind == REQUEST_RESPONSE);
    if !waits && kind.is_some_and(|kind| kind != EVENT) {
        let message = "the local stack supports the invocation types RequestResponse and Event";
        return refuse(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message);
    }
    let Some(function) = functions.get(&name) else {
        let message = format!("Function not found: {name}");
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    match axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await {
        Ok(payload) if waits => answer(function.invoke(or_empty_object(payload)).await),
        Ok(payload) => {
            tokio::spawn(asynchronous::invoke(function.clone(), or_empty_object(payload)));
            StatusCode::ACCEPTED.into_response()
        }
        Err(_) => refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            "Request must be smaller than 6 MB",
        ),
    }
}

/// Replaces a missing payload by an empty object, as Lambda does.
fn or_empty_object(payload: Bytes) -> Bytes {
    if payload.is_empty() { Bytes::from_static(b"{}") } else { payload }
}

fn answer(outcome: Result<Bytes, InvokeError>) -> Response<Body> {
    let version = ("x-amz-executed-version", "$LATEST");
    match outcome {
        Ok(payload) => ([version], payload).into_response(),
        Err(error @ InvokeError::Throttled) => {
            refuse(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", &error.to_string())
        }
        // A function's failure is no error of this API: it answers 200, and a header names it.
        Err(error) => {
            ([version, ("x-amz-function-error", "Unhandled")], error.to_json().to_string()).into_response()
        }
    }
}

fn refuse(status: StatusCode, kind: &'static str, message: &str) -> Response<Body> {
    let body = json!({ "Type": "User", "message": message }).to_string();
    (status, [("x-amzn-errortype", kind), ("content-type", "application/json")], body).into_response()
}
