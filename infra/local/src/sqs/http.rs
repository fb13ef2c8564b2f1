//! The socket: AWS JSON 1.0 over HTTP/1.1. The action is in `x-amz-target`; the path is not used.

use std::io;
use std::sync::{Arc, Weak};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use futures_util::FutureExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

use super::actions::{self, Call};
use super::endpoint::Endpoint;
use super::error::SqsError;
use crate::direct::Handler;
use crate::{guard, sockets};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const TARGET_HEADER: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";

/// A batch of 1 MiB in which JSON writes each byte as `\u00XX`, and 1 MiB for the rest of the request.
const REQUEST_BYTES: usize = 7 * 1_048_576;

const STOPPED: SqsError = SqsError::InternalFailure("The endpoint has stopped.");

/// The state of every connection and client. They outlive the future that serves, so they own neither the endpoint nor
/// its file; when the endpoint stops, running requests fail.
#[derive(Clone)]
pub(super) struct Server {
    endpoint: Weak<Endpoint>,
    /// Closes when the serving future is dropped.
    stopped: watch::Receiver<()>,
}

impl Server {
    pub(super) fn new(endpoint: &Arc<Endpoint>, running: &watch::Sender<()>) -> Self {
        Self { endpoint: Arc::downgrade(endpoint), stopped: running.subscribe() }
    }

    pub(super) fn handler(self) -> Handler {
        Arc::new(move |headers, body| handle(State(self.clone()), headers, Ok(body)).boxed())
    }
}

pub(super) async fn serve(endpoint: &Endpoint, server: Server, listener: TcpListener) -> io::Result<()> {
    let router =
        Router::new().fallback(handle).layer(DefaultBodyLimit::max(REQUEST_BYTES)).with_state(server);
    let router = guard::programs_only(router, listener.local_addr()?);
    tokio::select! {
        served = axum::serve(sockets::prompt(listener), router) => served,
        panicked = endpoint.run_timers() => Err(io::Error::other(panicked)),
    }
}

async fn handle(
    State(server): State<Server>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    match perform(server, &headers, body).await {
        Ok(json) => respond(StatusCode::OK, None, json),
        Err(error) => refuse(&error),
    }
}

async fn perform(
    mut server: Server,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Vec<u8>, SqsError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let target = text(TARGET_HEADER).unwrap_or_default();
    let action = target.strip_prefix(TARGET_PREFIX).ok_or_else(|| {
        SqsError::UnsupportedOperation(format!(
            "This endpoint speaks the AWS JSON 1.0 protocol of SQS; the request's {TARGET_HEADER} is \"{target}\"."
        ))
    })?;
    let body = body.map_err(|rejection| SqsError::Serialization(rejection.body_text()))?;
    let host = text(header::HOST.as_str()).unwrap_or("localhost");
    let endpoint = server.endpoint.upgrade().ok_or(STOPPED)?;
    let call = Call { endpoint: &endpoint, host, trace: text("x-amzn-trace-id") };
    tokio::select! {
        response = actions::perform(action, &body, &call) => response,
        // Nothing is ever sent: this resolves when the sender is dropped.
        _ = server.stopped.changed() => Err(STOPPED),
    }
}

fn refuse(error: &SqsError) -> Response<Body> {
    let (status, fault) = if error.is_senders_fault() {
        (StatusCode::BAD_REQUEST, "Sender")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "Receiver")
    };
    let query_error = format!("{};{fault}", error.query_code());
    let body =
        json!({ "__type": format!("com.amazonaws.sqs#{}", error.shape()), "message": error.to_string() });
    respond(status, Some(query_error), body.to_string().into_bytes())
}

fn respond(status: StatusCode, query_error: Option<String>, json: Vec<u8>) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header("x-amzn-requestid", Uuid::new_v4().to_string());
    if let Some(query_error) = query_error {
        response = response.header("x-amzn-query-error", query_error);
    }
    // Only a header value that is not ASCII could fail, and these are ASCII.
    response.body(Body::from(json)).unwrap_or_default()
}
