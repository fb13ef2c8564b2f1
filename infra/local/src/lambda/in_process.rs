//! A function whose handler runs in this process as in Lambda: isolated, and only until its deadline.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::{JoinError, JoinSet};

use super::function::{Function, InvokeError};
use super::trace::{self, TRACE};
use crate::clock::Clock;

/// The error of a handler.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A handler that runs in this process, from `E` to `O` as JSON.
pub struct InProcess<H, E, O> {
    handler: H,
    clock: Clock,
    takes: PhantomData<fn(E) -> O>,
}

impl<H, E, O> InProcess<H, E, O> {
    /// Wraps a handler: the function that the deployed binary gives to `lambda_runtime`.
    pub const fn new(handler: H, clock: Clock) -> Self {
        Self { handler, clock, takes: PhantomData }
    }
}

impl<H, E, O, F> Function for InProcess<H, E, O>
where
    H: Fn(LambdaEvent<E>) -> F + Send + Sync,
    E: DeserializeOwned + Send,
    O: Serialize + Send + 'static,
    F: Future<Output = Result<O, BoxError>> + Send + 'static,
{
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
            // A separate task contains a panic, and the set aborts the task when the invocation is dropped.
            let mut task = JoinSet::new();
            let trace = trace::current().unwrap_or_default();
            let handled = (self.handler)(LambdaEvent::new(event, context(deadline_ms, &trace)));
            task.spawn(TRACE.scope(trace, handled));
            tokio::select! {
                biased;
                Some(ended) = task.join_next() => answer(ended),
                () = self.clock.wait_until(deadline_ms) => {
                    // Waits for the task's end, so that it does nothing after the invocation has failed.
                    task.shutdown().await;
                    Err(InvokeError::TimedOut)
                }
            }
        })
    }
}

fn context(deadline_ms: u64, trace: &str) -> Context {
    let mut context = Context::default();
    context.request_id = uuid::Uuid::new_v4().to_string();
    context.deadline = deadline_ms;
    context.xray_trace_id = Some(trace.to_owned());
    context
}

fn answer(ended: Result<Result<impl Serialize, BoxError>, JoinError>) -> Result<Bytes, InvokeError> {
    match ended {
        Ok(Ok(value)) => serde_json::to_vec(&value).map(Bytes::from).map_err(|error| failed(&error)),
        Ok(Err(error)) => Err(failed(&*error)),
        Err(error) => Err(InvokeError::Crashed(panic_text(error))),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> InvokeError {
    // The whole chain, because the cause is what usually helps.
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    InvokeError::Failed { kind: "Error".to_owned(), message }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => text_of(&*panic).unwrap_or("panicked").to_owned(),
        Err(cancelled) => cancelled.to_string(),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    const START_MS: u64 = 1_000;
    const DEADLINE_MS: u64 = 31_000;

    async fn handle(event: LambdaEvent<Value>) -> Result<Value, BoxError> {
        match event.payload["do"].as_str() {
            Some("fail") => Err("no such table".into()),
            Some("panic") => panic!("index out of bounds"),
            Some("hang") => std::future::pending().await,
            _ => Ok(json!({ "deadline": event.context.deadline })),
        }
    }

    async fn invoke(clock: Clock, what: &str) -> Result<Bytes, InvokeError> {
        let payload = Bytes::from(json!({ "do": what }).to_string());
        InProcess::new(handle, clock).invoke(payload, DEADLINE_MS).await
    }

    #[tokio::test]
    async fn a_handler_is_told_its_deadline() {
        let (clock, _control) = Clock::manual(START_MS);
        assert_eq!(invoke(clock, "answer").await.unwrap(), r#"{"deadline":31000}"#);
    }

    #[tokio::test]
    async fn an_error_is_not_a_crash() {
        let (clock, _control) = Clock::manual(START_MS);
        let error = invoke(clock.clone(), "fail").await.unwrap_err();
        assert_eq!(error.to_json(), json!({"errorType": "Error", "errorMessage": "no such table"}));
        let error = invoke(clock, "panic").await.unwrap_err();
        assert_eq!(error, InvokeError::Crashed("index out of bounds".to_owned()));
    }

    #[tokio::test]
    async fn a_handler_that_hangs_is_killed_at_its_deadline() {
        let (clock, control) = Clock::manual(START_MS);
        let hanging = tokio::spawn(invoke(clock, "hang"));
        control.advance(Duration::from_millis(DEADLINE_MS - START_MS));
        assert_eq!(hanging.await.unwrap(), Err(InvokeError::TimedOut));
    }
}
