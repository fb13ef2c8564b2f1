//! A function as its invokers see it: bytes in, bytes or an error out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::trace::{self, TRACE};
use crate::clock::Clock;

/// Lambda accepts payloads of up to 6 MB, and the HTTP API forwards nothing larger.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// Functions by logical id.
pub type Functions = BTreeMap<String, Deployed>;

/// Something that can be invoked the way Lambda invokes a function.
pub trait Function: Send + Sync {
    /// Invokes the function once. `deadline_ms` is the time, in epoch milliseconds, at which it is killed.
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>>;
}

/// Why an invocation failed.
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
    /// The function died of a panic, an exit or a signal.
    #[error("crashed: {0}")]
    Crashed(String),
    /// The function was killed at its deadline.
    #[error("timed out")]
    TimedOut,
    /// The function was not started, because its concurrency was used up.
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

/// What happens to an asynchronous invocation that fails.
#[derive(Clone)]
pub struct AsyncInvokeConfig {
    /// The maximum number of retries after the first attempt.
    pub retries: u32,
    /// URL of the queue for invocations that failed every time, if there is one.
    pub on_failure: Option<String>,
    /// The client of that queue.
    pub sqs: Client,
}

/// A function with its settings, as the HTTP API, a mapping or a schedule invokes it.
#[derive(Clone)]
pub struct Deployed {
    /// Its name, by which chains of requests count it.
    pub name: String,
    /// Whether it may invoke itself, through a queue, without end.
    pub allows_loops: bool,
    /// The function itself.
    pub function: Arc<dyn Function>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The clock that deadlines are counted by.
    pub clock: Clock,
    /// Settings for asynchronous invocations, if the function has any.
    pub asynchronous: Option<AsyncInvokeConfig>,
    /// How many of its invocations run now.
    pub running: Running,
}

/// Counts the invocations of a function: each holds a receiver.
#[derive(Clone, Default)]
pub struct Running(watch::Sender<()>);

impl Running {
    /// Counts as long as its result lives.
    pub(super) fn one_more(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }

    /// Whether nothing runs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.receiver_count() == 0
    }
}

impl Deployed {
    /// Invokes the function with a deadline of now + timeout. The invocation continues if its caller stops waiting.
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
        let running = self.running.one_more();
        let invocation = async move {
            let answer = function.invoke(payload, deadline_ms).await;
            drop(running);
            answer
        };
        let invocation = tokio::spawn(TRACE.scope(trace, invocation));
        invocation.await.unwrap_or_else(|error| Err(InvokeError::Crashed(error.to_string())))
    }
}
