//! The Lambda Runtime API for one native process, which asks for its next invocation and answers it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::function::InvokeError;
use super::trace;
use crate::{guard, sockets};

/// Lambda accepts responses of up to 6 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// Gives a process its invocations, one at a time. Stops serving when dropped.
pub struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::Sender<Invocation>,
    server: AbortHandle,
}

/// An invocation on its way to the process.
struct Invocation {
    request_id: String,
    payload: Bytes,
    deadline_ms: u64,
    trace: Option<String>,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Bytes, InvokeError>;

struct Exchange {
    function_arn: String,
    waiting: Mutex<mpsc::Receiver<Invocation>>,
    running: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
}

impl RuntimeApi {
    /// Starts serving on a free loopback port.
    pub async fn start(function_arn: String) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (invocations, waiting) = mpsc::channel(1);
        let exchange = Exchange { function_arn, waiting: Mutex::new(waiting), running: Mutex::new(None) };
        let router = guard::programs_only(router(Arc::new(exchange)), address);
        let server = axum::serve(sockets::prompt(listener), router);
        let server = tokio::spawn(server.into_future()).abort_handle();
        Ok(Self { address, invocations, server })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the process an invocation and waits for its answer, without a time limit.
    pub async fn invoke(&self, payload: Bytes, deadline_ms: u64) -> Answer {
        let (answer, answered) = oneshot::channel();
        let request_id = uuid::Uuid::new_v4().to_string();
        let invocation = Invocation { request_id, payload, deadline_ms, trace: trace::current(), answer };
        self.invocations.send(invocation).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(exchange: Arc<Exchange>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(exchange)
}

fn closed() -> InvokeError {
    InvokeError::Crashed("the Runtime API is closed".to_owned())
}

/// A long poll: the process waits here, frozen, until it has an invocation.
async fn next(State(exchange): State<Arc<Exchange>>) -> Result<Response<Body>, StatusCode> {
    let invocation = exchange.waiting.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.request_id)
        .header("lambda-runtime-deadline-ms", invocation.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", &exchange.function_arn)
        .header("lambda-runtime-trace-id", invocation.trace.unwrap_or_default())
        .body(Body::from(invocation.payload))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    *exchange.running.lock().await = Some((invocation.request_id, invocation.answer));
    Ok(response)
}

async fn response(
    State(exchange): State<Arc<Exchange>>,
    Path(request_id): Path<String>,
    body: Body,
) -> Reply {
    let answer = axum::body::to_bytes(body, MAX_RESPONSE_BYTES).await.map_err(|_| InvokeError::Failed {
        kind: "Function.ResponseSizeTooLarge".to_owned(),
        message: format!("the response is larger than {MAX_RESPONSE_BYTES} bytes"),
    });
    exchange.complete(&request_id, answer).await
}

async fn error(
    State(exchange): State<Arc<Exchange>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    exchange.complete(&request_id, Err(reported(&headers, &body))).await
}

/// Reports to the waiting caller why the process could not start.
async fn init_error(State(exchange): State<Arc<Exchange>>, headers: HeaderMap, body: Bytes) -> Reply {
    match exchange.waiting.lock().await.recv().await {
        Some(invocation) => {
            let reason = reported(&headers, &body).to_string();
            let _ = invocation.answer.send(Err(InvokeError::Crashed(reason))); // the caller may have gone
            accept()
        }
        None => refuse(StatusCode::GONE, "InvalidStateTransition"),
    }
}

fn reported(headers: &HeaderMap, body: &[u8]) -> InvokeError {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let header = || headers.get("lambda-runtime-function-error-type")?.to_str().ok().map(str::to_owned);
    InvokeError::Failed {
        kind: text("errorType").or_else(header).unwrap_or_else(|| "Unhandled".to_owned()),
        message: text("errorMessage").unwrap_or_default(),
    }
}

type Reply = (StatusCode, String);

fn accept() -> Reply {
    (StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string())
}

fn refuse(status: StatusCode, kind: &str) -> Reply {
    (status, json!({ "errorType": kind, "errorMessage": kind }).to_string())
}

impl Exchange {
    async fn complete(&self, request_id: &str, answer: Answer) -> Reply {
        match self.running.lock().await.take_if(|(running, _)| running == request_id) {
            Some((_, waiting)) => {
                let _ = waiting.send(answer); // the caller may have gone
                accept()
            }
            None => refuse(StatusCode::BAD_REQUEST, "InvalidRequestID"),
        }
    }
}
