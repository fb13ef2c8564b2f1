//! The example receiver: a customer's https endpoint, which succeeds or fails as it is told to.
//!
//! server.rs answers requests: fields.rs reads event and payload, signature.rs verifies them, script.rs chooses the
//! answer and control.rs lets people change it. state.rs keeps requests, for tests and for page.rs, which shows them.

mod control;
mod fields;
mod page;
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
use crate::https;

pub use fields::WebhookFields;
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
    /// Starts serving on this socket.
    pub fn start(listener: TcpListener, tls: Arc<ServerConfig>, clock: Clock) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { clock, state: Mutex::default(), arrivals: watch::Sender::new(0) });
        let server = {
            let shared = Arc::clone(&shared);
            tokio::spawn(https::serve(listener, tls, move |request| {
                server::answer(request, address, Arc::clone(&shared))
            }))
        };
        Ok(Self { address, shared, server })
    }

    /// Closes the socket and every connection, and returns when that is done.
    pub async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await; // the error is the abort
    }

    /// The URL of a path such as `/hooks`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        if self.address.ip().is_loopback() {
            format!("https://localhost:{}{path}", self.address.port())
        } else {
            format!("https://{}{path}", self.address)
        }
    }

    /// Verifies requests to this path with this secret (`whsec_…`) from now on.
    pub fn trust(&self, path: &str, secret: &str) -> Result<(), WebhookError> {
        self.shared.state().secrets.insert(path.to_owned(), Webhook::new(secret)?);
        Ok(())
    }

    /// Sets the answer to requests to this path.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared.state().script.always(path, answer);
    }

    /// Sets the answers to the next requests to this path, one each, before its usual answer applies again.
    pub fn answer_next(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.shared.state().script.next(path, answers);
    }

    /// Sets the answer of every path that has none of its own; 200 unless set.
    pub fn answer_everywhere(&self, answer: Answer) {
        self.shared.state().script.everywhere(answer);
    }

    /// The requests to this path, in order of arrival. The newest 128 MiB of all requests are kept.
    #[must_use]
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.shared.state().received.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Every request that is kept, in order of arrival.
    #[must_use]
    pub fn all(&self) -> Vec<Received> {
        self.shared.state().received.iter().cloned().collect()
    }

    /// Waits until this path has received `count` requests, and returns all of its requests.
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
