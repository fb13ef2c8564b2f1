//! What the receiver has received, and what it is told to answer.

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

    /// What to answer to the request that arrives now.
    pub(super) fn answer(&self, path: &str) -> Answer {
        self.state().script.answer(path)
    }

    pub(super) fn keep(&self, request: Received) {
        self.state().received.push(request);
        self.arrivals.send_modify(|count| *count += 1);
    }
}
