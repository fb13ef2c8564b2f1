//! A server between functions and an endpoint of DynamoDB or SQS. Both speak JSON and name the operation in a header, so
//! one server can see every call and decide what becomes of it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::world::client;

/// One call of an SDK.
pub(crate) struct Call {
    /// What is called: `UpdateItem`.
    pub(crate) operation: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a call is answered.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Where calls go on to.
pub(crate) struct Onward {
    target: String,
    http: reqwest::Client,
}

/// Decides what becomes of a call.
pub(crate) trait Between: Send + Sync + 'static {
    /// Its answer. `None`: the connection is closed without one.
    fn pass(&self, call: Call, onward: &Onward) -> impl Future<Output = Option<Reply>> + Send;
}

/// A running server; it ends with its test.
pub(crate) struct Server {
    /// Where SDKs find it.
    pub(crate) url: String,
    connections: Arc<Mutex<JoinSet<()>>>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Server {
    /// Serves on a port of its own.
    pub(crate) async fn start(target: String, between: Arc<impl Between>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let onward = Arc::new(Onward { target, http: client() });
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut accepted = accepted.lock().unwrap();
                accepted.spawn(serve(stream, Arc::clone(&between), Arc::clone(&onward)));
                while accepted.try_join_next().is_some() {}
            }
        });
        Self { url, connections }
    }

    /// Closes all connections, as endpoints do with those that nobody uses.
    pub(crate) fn close_connections(&self) {
        self.connections.lock().unwrap().abort_all();
    }
}

impl Onward {
    /// What the endpoint answers; nothing, if it is gone.
    pub(crate) async fn send(&self, mut call: Call) -> Option<Reply> {
        for name in [HOST, CONTENT_LENGTH, CONNECTION] {
            call.headers.remove(name);
        }
        let passed = self.http.post(&self.target).headers(call.headers).body(call.body).send();
        // A task of its own: a service that has a call goes on with it when its caller is gone.
        let passed = tokio::spawn(passed).await.ok()?.ok()?;
        let (status, mut headers) = (passed.status(), passed.headers().clone());
        for name in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        Some(Reply { status, headers, body: passed.bytes().await.ok()? })
    }
}

async fn serve(stream: TcpStream, between: Arc<impl Between>, onward: Arc<Onward>) {
    let service = service_fn(|request| answer(request, &*between, &onward));
    // An error is a caller that went away, or one that was to get no answer.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    between: &impl Between,
    onward: &Onward,
) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, body) = request.into_parts();
    let target = head.headers.get("x-amz-target").ok_or("no operation")?.to_str()?;
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let call = Call { operation, headers: head.headers, body: body.collect().await?.to_bytes() };
    let reply = between.pass(call, onward).await.ok_or("no answer")?;
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}
