//! A faithful Amazon SQS for one machine: the AWS JSON protocol over HTTP, standard and FIFO
//! queues, in memory or kept in a file that survives `kill -9`.
//!
//! Start at endpoint.rs, where a request becomes one step of the store, and follow it inward:
//!
//! | where | what |
//! | --- | --- |
//! | http.rs | the socket: `x-amz-target` in, JSON or an SQS error out |
//! | actions/ | one file a group of actions: reads a request, makes a step, words the answer |
//! | endpoint.rs, timekeeper.rs | the store behind a lock, long polls; what happens by itself |
//! | store/ | the rules, without clock or I/O: queues, messages, redrive, FIFO, move tasks |
//! | journal/ | what is on disk, written in groups by a thread of its own |
//! | limits.rs, error.rs, name.rs | SQS's quotas, its refusals, its names |
//!
//! Every statement about behaviour is Amazon's documentation's; where that leaves a choice, the
//! comment says so. Not here: the XML query protocol, signatures, policies, KMS, throttling.

mod actions;
mod attribute_rules;
mod digest;
mod endpoint;
mod error;
mod http;
mod journal;
mod limits;
mod message_attributes;
mod name;
mod store;
#[cfg(test)]
mod tests;
mod text;
mod timekeeper;

use std::io;
use std::path::Path;

use tokio::net::TcpListener;

use self::endpoint::Endpoint;
use self::journal::Journal;
use self::store::Store;
use crate::clock::Clock;

pub use self::journal::OpenError;

/// An SQS endpoint that has yet to be served.
#[derive(Debug)]
pub struct Sqs(Endpoint);

impl Sqs {
    /// Queues that are gone with the process.
    #[must_use]
    pub fn in_memory(clock: Clock) -> Self {
        Self(Endpoint::new(Store::default(), Journal::none(), clock))
    }

    /// Queues kept in the file at `path`, which is created if it does not exist. Whatever the
    /// endpoint acknowledged is there again after the process was killed.
    ///
    /// # Errors
    /// The file cannot be opened, is in use by another endpoint, or is none of ours.
    pub fn open(path: impl AsRef<Path>, clock: Clock) -> Result<Self, OpenError> {
        let (journal, snapshot) = Journal::open(path.as_ref())?;
        let store = Store::restore(snapshot, clock.now_ms());
        Ok(Self(Endpoint::new(store, journal, clock)))
    }

    /// Answers requests on `listener` for as long as the future is polled. Dropping it stops the
    /// endpoint: connections that are still open get an error, and the file is free again.
    ///
    /// # Errors
    /// The listener fails, or a request has panicked and left the queues in doubt.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        http::serve(self.0, listener).await
    }
}
