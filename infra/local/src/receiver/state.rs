//! The requests that the receiver has received, and the answers that it gives.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use standardwebhooks::Webhook;
use tokio::sync::watch;

use super::script::{Answer, Script};
use super::signature::Signature;
use crate::clock::Clock;

/// The most bytes of requests that are kept: enough for every test, and a bound on a stack that runs for weeks.
pub(super) const MAX_KEPT_BYTES: usize = 128 * 1024 * 1024;

/// What a request takes besides its body and its payload, about.
const HEAD_BYTES: usize = 2 * 1024;

/// A request as it arrived. Its payload is a customer's: for tests, not for logs.
#[derive(Clone)]
pub struct Received {
    /// When its body was read, by this process's monotonic clock.
    pub at: Instant,
    /// When its body was read, in epoch milliseconds of the stack's clock.
    pub at_ms: u64,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The raw query.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The raw body.
    pub body: Bytes,
    /// The field `event`, from the query or the form.
    pub event: Option<String>,
    /// The field `payload`, byte for byte.
    pub payload: Option<Bytes>,
    /// The result of verifying its signature.
    pub signature: Signature,
    /// How it was answered.
    pub answer: Answer,
}

/// What the server and its handle share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    pub(super) arrivals: watch::Sender<usize>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) received: VecDeque<Received>,
    kept_bytes: usize,
    pub(super) secrets: HashMap<String, Webhook>,
    pub(super) script: Script,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the answer to the next request to this path.
    pub(super) fn answer(&self, path: &str) -> Answer {
        self.state().script.answer(path)
    }

    pub(super) fn keep(&self, request: Received) {
        self.state().keep(request);
        self.arrivals.send_modify(|count| *count += 1);
    }
}

impl State {
    /// Keeps a request and forgets the oldest ones for it.
    fn keep(&mut self, request: Received) {
        self.kept_bytes += request.size();
        self.received.push_back(request);
        while self.kept_bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.received.pop_front() else { return };
            self.kept_bytes -= oldest.size();
        }
    }
}

impl Received {
    fn size(&self) -> usize {
        HEAD_BYTES + self.body.len() + self.payload.as_ref().map_or(0, Bytes::len)
    }
}
