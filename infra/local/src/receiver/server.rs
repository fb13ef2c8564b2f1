//! Serves connections: TLS, HTTP/1.1, one request at a time.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::control;
use super::fields::WebhookFields;
use super::script::Answer;
use super::signature::Signature;
use super::state::{Received, Shared};

/// More than any payload of Ringback has: it accepts conversation records of up to 2 MiB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The pause after a connection could not be accepted, mostly for lack of file descriptors.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until dropped, which also closes every connection.
pub(super) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, shared: Arc<Shared>) {
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(acceptor.clone(), stream, Arc::clone(&shared)));
            }
            Err(error) => {
                tracing::warn!(%error, "receiver.accept_failed");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(acceptor: TlsAcceptor, stream: TcpStream, shared: Arc<Shared>) {
    let served = async {
        let stream = TokioIo::new(acceptor.accept(stream).await?);
        let service = service_fn(|request| answer(request, &shared));
        http1::Builder::new().serve_connection(stream, service).await.map_err(io::Error::other)
    };
    // A sender that disconnects and an answer `Drop` are both normal.
    if let Err(error) = served.await {
        tracing::debug!(%error, "receiver.connection_ended");
    }
}

async fn answer(request: Request<Incoming>, shared: &Arc<Shared>) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, body) = request.into_parts();
    if head.headers.contains_key(header::ORIGIN) {
        return respond(StatusCode::FORBIDDEN, "no web page may call this receiver\n".to_owned());
    }
    let query = head.uri.query().unwrap_or_default();
    if let Some((status, text)) = control::handle(&head.method, head.uri.path(), query, shared) {
        return respond(status, text);
    }
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await?.to_bytes();
    let (at, at_ms) = (Instant::now(), shared.clock.now_ms());
    let fields = WebhookFields::read(query, &head.headers, &body).await;
    let path = head.uri.path().to_owned();
    let signature = {
        let state = shared.state();
        Signature::check(state.secrets.get(&path), fields.payload.as_deref(), &head.headers, at_ms)
    };
    let answer = shared.answer(&path);
    let received = Received {
        at,
        at_ms,
        method: head.method,
        path,
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
        event: fields.event,
        payload: fields.payload,
        signature,
        answer: answer.clone(),
    };
    shared.keep(received);
    match answer {
        Answer::Status(status) => respond(StatusCode::from_u16(status)?, String::new()),
        Answer::Body(status, text) => respond(StatusCode::from_u16(status)?, text),
        Answer::Hang => std::future::pending().await,
        Answer::Drop => Err("told to drop the connection".into()),
    }
}

fn respond(status: StatusCode, text: String) -> Result<Response<Full<Bytes>>, Failure> {
    Ok(Response::builder().status(status).body(Full::new(Bytes::from(text)))?)
}
