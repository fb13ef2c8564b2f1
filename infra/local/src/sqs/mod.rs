//! The part of Amazon SQS that Ringback uses, for one machine: standard queues over the AWS JSON protocol, in memory or
//! in a file that survives `kill -9`.
//!
//! Start at endpoint.rs, where a request becomes a transaction of the store, and follow it inward:
//!
//! | where | what |
//! | --- | --- |
//! | http.rs | the socket: `x-amz-target` in, JSON or an SQS error out |
//! | actions/ | one file for each group of actions: reads a request, runs a transaction, writes the response |
//! | endpoint.rs, timers.rs | the store behind a lock, long polls; what happens when a timeout ends |
//! | store/ | the rules, without clock or I/O: queues, messages, visibility, redrive |
//! | journal/ | what is on disk, written in groups by its own thread |
//! | limits.rs, error.rs, queue_name.rs | SQS's quotas, its errors, its names |
//!
//! Every statement about behaviour is from Amazon's documentation; where that leaves a choice, the comment says so.
//! Actions, attributes and parameters that are not here are refused by name. FIFO queues, message attributes, tags,
//! message move tasks, the XML query protocol, signatures, policies, KMS and throttling are not here.

mod actions;
mod characters;
mod digest;
mod endpoint;
mod error;
mod http;
mod journal;
mod limits;
mod queue_name;
mod store;
#[cfg(test)]
mod tests;
mod timers;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use self::endpoint::Endpoint;
use self::http::Server;
use self::journal::Journal;
use self::store::Store;
use crate::clock::Clock;
use crate::direct::Handler;

pub use self::journal::OpenError;

/// An SQS endpoint that is not served yet.
#[derive(Debug)]
pub struct Sqs {
    endpoint: Arc<Endpoint>,
    /// Ends all requests when dropped.
    running: watch::Sender<()>,
}

impl Sqs {
    /// Creates an endpoint whose queues are gone with the process.
    #[must_use]
    pub fn in_memory(clock: Clock) -> Self {
        Self::new(Endpoint::new(Store::default(), Journal::none(), clock))
    }

    /// Opens the queues in the file at `path`, which is created if it does not exist. Whatever the
    /// endpoint acknowledged is there again after the process was killed.
    ///
    /// # Errors
    /// The file cannot be opened, is in use by another endpoint, or is not one of this program.
    pub fn open(path: impl AsRef<Path>, clock: Clock) -> Result<Self, OpenError> {
        let (journal, snapshot) = Journal::open(path.as_ref())?;
        let store = Store::restore(snapshot, clock.now_ms());
        Ok(Self::new(Endpoint::new(store, journal, clock)))
    }

    fn new(endpoint: Endpoint) -> Self {
        Self { endpoint: Arc::new(endpoint), running: watch::Sender::new(()) }
    }

    pub(crate) fn handler(&self) -> Handler {
        Server::new(&self.endpoint, &self.running).handler()
    }

    /// Answers requests on `listener` for as long as the future is polled. Dropping it stops the
    /// endpoint: connections that are still open get an error, and the file is free again.
    ///
    /// # Errors
    /// The listener fails, or a request has panicked and left the queues in doubt.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        http::serve(&self.endpoint, Server::new(&self.endpoint, &self.running), listener).await
    }
}
