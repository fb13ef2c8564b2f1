//! The example receiver: what a customer's endpoint does, on https, and as badly as it is told to.
//!
//! server.rs takes connections, fields.rs reads event and payload out of a request, signature.rs checks it, script.rs
//! says what to answer and control.rs lets people change that. state.rs keeps requests for tests to look at.

mod control;
mod fields;
mod script;
mod server;
mod signature;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use standardwebhooks::{Webhook, WebhookError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ServerConfig;

use crate::clock::Clock;

pub use script::Answer;
pub use signature::Signature;
pub use state::Received;

use state::Shared;

/// A running receiver. Stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
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

#[cfg(test)]
mod tests;
