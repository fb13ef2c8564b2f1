//! A server that reads one request on each connection and then answers as scripted, to the byte.

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};

use super::{HOST, LOOPBACK};

/// What a receiver does once it has read a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Sends this and closes.
    Bytes(Vec<u8>),
    /// Sends this and keeps the connection open, without another byte.
    Hang(Vec<u8>),
    /// Sends the first, then the second repeatedly, with this pause.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

impl Answer {
    /// A response with this status and no body.
    pub(crate) fn status(status: u16) -> Self {
        Self::Bytes(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n").into())
    }

    /// The status in its first line, if there is one.
    pub(crate) fn status_code(&self) -> Option<u16> {
        let (Self::Bytes(head) | Self::Hang(head) | Self::Endless(head, ..)) = self;
        std::str::from_utf8(head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?.parse().ok()
    }
}

/// A server on this machine; it stops with its test.
pub(crate) struct Receiver {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: Mutex<usize>,
    /// Connections that resumed a TLS session.
    resumed: Mutex<usize>,
    requests: Mutex<Vec<String>>,
    /// The statuses that the requests were answered with.
    statuses: Mutex<Vec<Option<u16>>>,
}

impl Receiver {
    /// Starts a TLS server that gives this answer to each request.
    pub(crate) async fn https(identity: Arc<ServerConfig>, answer: Answer) -> Self {
        Self::https_in_turn(identity, vec![answer]).await
    }

    /// Starts a TLS server that gives the answers in turn and repeats the last one.
    pub(crate) async fn https_in_turn(identity: Arc<ServerConfig>, answers: Vec<Answer>) -> Self {
        Self::https_at(LOOPBACK, identity, answers).await
    }

    /// Starts a TLS server like [`Self::https_in_turn`], at another address of this machine.
    pub(crate) async fn https_at(address: IpAddr, identity: Arc<ServerConfig>, answers: Vec<Answer>) -> Self {
        let (acceptor, answers) = (TlsAcceptor::from(identity), Arc::new(answers));
        Self::start(address, move |stream, seen| {
            let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                    *seen.resumed.lock().unwrap() += 1;
                }
                if let Some(request) = read_request(&mut stream).await {
                    let answer = seen.keep(request, &answers);
                    give(&mut stream, answer).await;
                }
            }
        })
        .await
    }

    /// Starts a server without TLS that calls `serve` with each connection.
    pub(crate) async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(LOOPBACK, move |stream, _| serve(stream)).await
    }

    /// Starts a server that counts connections and sends nothing.
    pub(crate) async fn canary() -> Self {
        Self::raw(|_| async {}).await
    }

    async fn start<F>(address: IpAddr, serve: impl Fn(TcpStream, Arc<Seen>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let receiver = Self { port, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *seen.connections.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&seen)));
            }
        });
        receiver
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}/hook?token=hunter2", self.port)
    }

    pub(crate) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }

    /// The number of connections that resumed a TLS session.
    pub(crate) fn resumed(&self) -> usize {
        *self.seen.resumed.lock().unwrap()
    }

    /// Head and body of each request, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The status that each request was answered with, if the answer had one.
    pub(crate) fn statuses(&self) -> Vec<Option<u16>> {
        self.seen.statuses.lock().unwrap().clone()
    }
}

impl Seen {
    /// Records a request and returns its answer.
    fn keep(&self, request: String, answers: &[Answer]) -> Answer {
        let (mut requests, mut statuses) = (self.requests.lock().unwrap(), self.statuses.lock().unwrap());
        let answer = answers[requests.len().min(answers.len() - 1)].clone();
        requests.push(request);
        statuses.push(answer.status_code());
        answer
    }
}

/// Reads a request; `None` if the connection ends before it.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = String::new();
    loop {
        if let Some((head, body)) = request.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(request);
            }
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
}

/// Sends an answer. A sender that has read enough closes the connection, so errors are expected.
async fn give(stream: &mut (impl AsyncWrite + Unpin), answer: Answer) {
    match answer {
        Answer::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            std::future::pending::<()>().await;
        }
        Answer::Endless(head, part, pause) => {
            let mut result = stream.write_all(&head).await;
            while result.is_ok() {
                result = stream.write_all(&part).await.and(stream.flush().await);
                tokio::time::sleep(pause).await;
            }
        }
    }
}
