//! An intercepting server between functions and an endpoint of DynamoDB or SQS. Both services speak JSON and name the
//! operation in a header, so one server can see every call and decide what happens to it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::world::client;

/// One SDK call.
pub(crate) struct Call {
    /// The operation's name: `UpdateItem`. For a batch of statements also the word that they begin with:
    /// `BatchExecuteStatement INSERT`.
    pub(crate) operation: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The response to a call.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The endpoint behind the server.
pub(crate) struct Upstream {
    target: String,
    http: reqwest::Client,
}

/// Decides what happens to a call.
pub(crate) trait Interceptor: Send + Sync + 'static {
    /// Returns the reply; `None` closes the connection without one.
    fn intercept(&self, call: Call, upstream: &Upstream) -> impl Future<Output = Option<Reply>> + Send;
}

/// A running server; it stops with its test.
pub(crate) struct Server {
    /// The endpoint for SDKs.
    pub(crate) url: String,
    connections: Arc<Mutex<JoinSet<()>>>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Server {
    /// Starts a server on a free port.
    pub(crate) async fn start(target: String, interceptor: Arc<impl Interceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let upstream = Arc::new(Upstream { target, http: client() });
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut accepted = accepted.lock().unwrap();
                accepted.spawn(serve(stream, Arc::clone(&interceptor), Arc::clone(&upstream)));
                while accepted.try_join_next().is_some() {}
            }
        });
        Self { url, connections }
    }

    /// Closes all connections, as endpoints do with idle ones.
    pub(crate) fn close_connections(&self) {
        self.connections.lock().unwrap().abort_all();
    }
}

impl Upstream {
    /// Forwards a call and returns the endpoint's reply; `None` if the endpoint is gone.
    pub(crate) async fn send(&self, mut call: Call) -> Option<Reply> {
        for name in [HOST, CONTENT_LENGTH, CONNECTION] {
            call.headers.remove(name);
        }
        let passed = self.http.post(&self.target).headers(call.headers).body(call.body).send();
        // In a separate task, because a service completes a call even if its caller disconnects.
        let passed = tokio::spawn(passed).await.ok()?.ok()?;
        let (status, mut headers) = (passed.status(), passed.headers().clone());
        for name in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        Some(Reply { status, headers, body: passed.bytes().await.ok()? })
    }
}

async fn serve(stream: TcpStream, interceptor: Arc<impl Interceptor>, upstream: Arc<Upstream>) {
    let service = service_fn(|request| answer(request, &*interceptor, &upstream));
    // An error means that the caller disconnected, or that no reply is sent.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    interceptor: &impl Interceptor,
    upstream: &Upstream,
) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, body) = request.into_parts();
    let target = head.headers.get("x-amz-target").ok_or("no operation")?.to_str()?;
    let body = body.collect().await?.to_bytes();
    let operation = named(target.rsplit('.').next().unwrap_or_default(), &body);
    let call = Call { operation, headers: head.headers, body };
    let reply = interceptor.intercept(call, upstream).await.ok_or("no answer")?;
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

/// The operation's name, and the word that its statements begin with.
fn named(operation: &str, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let statement = body["Statements"][0]["Statement"].as_str();
    let word = statement.and_then(|statement| statement.split(' ').next());
    [Some(operation), word].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
