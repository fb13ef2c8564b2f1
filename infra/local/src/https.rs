//! An https server on this machine: TLS, HTTP/1.1, one request of a connection at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::sockets;

/// More than any payload of Ringback has: it accepts conversation records of up to 2 MiB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The pause after a connection could not be accepted, mostly for lack of file descriptors.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Why a request gets no response: its connection is closed instead.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until dropped, which also closes every connection.
pub async fn serve<A, F, B>(listener: TcpListener, tls: Arc<ServerConfig>, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Failure>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Failure>> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((mut stream, _)) => {
                sockets::set_prompt(&mut stream);
                connections.spawn(serve_connection(acceptor.clone(), stream, answer.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "https.accept_failed");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection<A, F, B>(acceptor: TlsAcceptor, stream: TcpStream, answer: A)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, Failure>>,
    B: Body<Data = Bytes, Error: Into<Failure>> + 'static,
{
    let served = async {
        let stream = TokioIo::new(acceptor.accept(stream).await?);
        http1::Builder::new().serve_connection(stream, service_fn(answer)).await.map_err(io::Error::other)
    };
    // A sender that disconnects and an answer that fails are both normal.
    if let Err(error) = served.await {
        tracing::debug!(%error, "https.connection_ended");
    }
}

/// Reads a request's body.
pub async fn read(body: Incoming) -> Result<Bytes, Failure> {
    Ok(Limited::new(body, MAX_BODY_BYTES).collect().await?.to_bytes())
}
