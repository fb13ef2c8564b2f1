//! The socket: AWS JSON 1.1 over HTTP/1.1. The action is in `x-amz-target`; the path is not used.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract;
use axum::http::{HeaderMap, Response, StatusCode, header};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::actions::{KmsError, perform};
use super::state::State;
use crate::direct::Handler;
use crate::{guard, sockets};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET_HEADER: &str = "x-amz-target";
const TARGET_PREFIX: &str = "TrentService.";

pub(super) async fn serve(kms: Arc<State>, listener: TcpListener) -> io::Result<()> {
    let router = Router::new().fallback(answer).with_state(kms);
    let router = guard::programs_only(router, listener.local_addr()?);
    axum::serve(sockets::prompt(listener), router).await
}

pub(super) fn handler(kms: Arc<State>) -> Handler {
    Arc::new(move |headers, body| answer(extract::State(Arc::clone(&kms)), headers, body).boxed())
}

async fn answer(
    extract::State(kms): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    kms.calls.fetch_add(1, Ordering::SeqCst);
    let target = headers.get(TARGET_HEADER).and_then(|target| target.to_str().ok()).unwrap_or_default();
    let answer = if kms.unavailable.load(Ordering::SeqCst) {
        Err(KmsError::Internal)
    } else {
        perform(target.strip_prefix(TARGET_PREFIX).unwrap_or(target), &body, &kms.key)
    };
    match answer {
        Ok(answer) => respond(StatusCode::OK, &answer),
        Err(error) => {
            let status = match error {
                KmsError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            respond(status, &json!({"__type": error.name(), "message": error.to_string()}))
        }
    }
}

fn respond(status: StatusCode, json: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, CONTENT_TYPE);
    // Only a header value that is not ASCII could fail, and this one is ASCII.
    response.body(Body::from(json.to_string())).unwrap_or_default()
}
