//! A function as whatever invokes it sees it: bytes in, bytes or an error out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::trace::{self, TRACE};
use crate::clock::Clock;

/// Lambda takes a payload of up to 6 MB, and the HTTP API passes nothing larger on.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// Functions by logical id.
pub type Functions = BTreeMap<String, Deployed>;

/// Something that can be invoked the way Lambda invokes a function.
pub trait Function: Send + Sync {
    /// Invokes it once. `deadline_ms` is the moment, in milliseconds since the epoch, at which it is killed.
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>>;
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler returned an error.
    #[error("{kind}: {message}")]
    Failed {
        /// The error's type, as the runtime reports it.
        kind: String,
        /// The error's text.
        message: String,
    },
    /// It died: a panic, an exit, a signal.
    #[error("crashed: {0}")]
    Crashed(String),
    /// It was killed at its deadline.
    #[error("timed out")]
    TimedOut,
    /// It was not started, for too many of its kind were running.
    #[error("throttled")]
    Throttled,
    /// It was not started, for it has appeared too often in the chain of requests.
    #[error("stopped as a recursive loop")]
    Recursive,
}

impl InvokeError {
    /// The error document that Lambda answers with.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let kind = match self {
            Self::Failed { kind, .. } => kind,
            Self::Crashed(_) => "Runtime.ExitError",
            Self::TimedOut => "Sandbox.Timedout",
            Self::Throttled => "TooManyRequestsException",
            Self::Recursive => "RecursiveInvocationException",
        };
        let message = match self {
            Self::Failed { message, .. } => message.clone(),
            other => other.to_string(),
        };
        json!({ "errorType": kind, "errorMessage": message })
    }
}

/// What becomes of an invocation that fails.
#[derive(Clone)]
pub struct Asynchronous {
    /// Tries after the first.
    pub retries: u32,
    /// The queue for what failed every time.
    pub on_failure: String,
    /// That queue's service.
    pub sqs: Client,
}

/// A function with its settings: what a front or a mapping invokes.
#[derive(Clone)]
pub struct Deployed {
    /// Its name, by which chains of requests count it.
    pub name: String,
    /// Whether it may invoke itself, through a queue, without end.
    pub allows_loops: bool,
    /// What runs.
    pub function: Arc<dyn Function>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Where deadlines are counted from.
    pub clock: Clock,
    /// What becomes of an invocation whose caller does not wait.
    pub asynchronous: Option<Asynchronous>,
}

impl Deployed {
    /// Invokes it with a deadline of now + timeout. The invocation goes on when its caller does not wait for it.
    pub async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.invoke_for(payload, std::iter::empty()).await
    }

    /// The same, for messages with these trace headers.
    pub(super) async fn invoke_for<'a>(
        &self,
        payload: Bytes,
        traces: impl Iterator<Item = &'a str>,
    ) -> Result<Bytes, InvokeError> {
        let (trace, appearances) = trace::appear(traces, &self.name);
        if appearances > trace::MAX_APPEARANCES && !self.allows_loops {
            return Err(InvokeError::Recursive);
        }
        let timeout_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = self.clock.now_ms().saturating_add(timeout_ms);
        let function = Arc::clone(&self.function);
        let invocation = async move { function.invoke(payload, deadline_ms).await };
        let invocation = tokio::spawn(TRACE.scope(trace, invocation));
        invocation.await.unwrap_or_else(|error| Err(InvokeError::Crashed(error.to_string())))
    }
}
