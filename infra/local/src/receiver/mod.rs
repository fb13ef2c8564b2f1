//! The example receiver: what a customer's endpoint does, on https, and as badly as it is told to.
//!
//! server.rs takes connections, fields.rs reads event and payload out of a request, signature.rs checks it, script.rs
//! says what to answer and control.rs lets people change that. Requests are kept for tests to look at.

mod control;
mod fields;
mod script;
mod server;
mod signature;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use standardwebhooks::{Webhook, WebhookError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ServerConfig;

use crate::clock::Clock;

pub use script::Answer;
pub use signature::Signature;

use script::Script;

/// A running receiver. Stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// A request as it arrived. Its payload is a customer's: for tests, not for logs.
#[derive(Clone)]
pub struct Received {
    /// When its body was read, by this process's own clock.
    pub at: Instant,
    /// When its body was read, in milliseconds since the epoch, by the stack's clock.
    pub at_ms: u64,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query as it came.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
    /// The field `event`, from the query or the form.
    pub event: Option<String>,
    /// The field `payload`, to the byte.
    pub payload: Option<Bytes>,
    /// Whether it is signed.
    pub signature: Signature,
    /// What it was answered.
    pub answer: Answer,
}

/// What the server and its handle both know.
struct Shared {
    clock: Clock,
    state: Mutex<State>,
    arrivals: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    secrets: HashMap<String, Webhook>,
    script: Script,
}

impl Receiver {
    /// Serves on this socket.
    pub fn start(listener: TcpListener, tls: Arc<ServerConfig>, clock: Clock) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { clock, state: Mutex::default(), arrivals: watch::Sender::new(0) });
        let server = tokio::spawn(server::serve(listener, tls, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Closes its socket and all connections, and returns when that is done.
    pub async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await; // it was aborted
    }

    /// The URL of a path: `/hooks`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        if self.address.ip().is_loopback() {
            format!("https://localhost:{}{path}", self.address.port())
        } else {
            format!("https://{}{path}", self.address)
        }
    }

    /// Checks requests to this path with this secret from now on: `whsec_…`.
    pub fn trust(&self, path: &str, secret: &str) -> Result<(), WebhookError> {
        self.shared.state().secrets.insert(path.to_owned(), Webhook::new(secret)?);
        Ok(())
    }

    /// Answers requests to this path so from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared.state().script.always(path, answer);
    }

    /// Answers the next requests to this path so, one after the other, before it goes on as always.
    pub fn answer_next(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.shared.state().script.next(path, answers);
    }

    /// Answers requests so wherever nothing else was said. At first: 200.
    pub fn answer_everywhere(&self, answer: Answer) {
        self.shared.state().script.everywhere(answer);
    }

    /// What arrived at this path, in order.
    #[must_use]
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.shared.state().received.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// All that arrived, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Received> {
        self.shared.state().received.clone()
    }

    /// What arrived at this path, once that is so many requests.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        // Cannot fail: `self` holds the sender.
        let _ = self.shared.arrivals.subscribe().wait_for(|_| self.received(path).len() >= count).await;
        self.received(path)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to answer to the request that arrives now.
    fn answer(&self, path: &str) -> Answer {
        self.state().script.answer(path)
    }

    fn keep(&self, request: Received) {
        self.state().received.push(request);
        self.arrivals.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests;
