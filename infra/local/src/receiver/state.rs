//! The requests that the receiver has received, and the answers that it gives.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use standardwebhooks::Webhook;
use tokio::sync::watch;

use super::script::{Answer, Script};
use super::signature::Signature;
use crate::clock::Clock;

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
    pub(super) received: Vec<Received>,
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
        self.state().received.push(request);
        self.arrivals.send_modify(|count| *count += 1);
    }
}
