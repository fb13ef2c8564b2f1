//! Asynchronous invocations: Lambda retries a failed one, then sends it to the failure destination.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use bytes::Bytes;
use serde_json::{Value, json};

use super::function::{AsyncInvokeConfig, Deployed, InvokeError};

/// Lambda's wait before the second attempt; the wait before the third is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// Invokes a function until it succeeds or its retries are used up.
pub(super) async fn invoke(function: Deployed, payload: Bytes) {
    let Some(settings) = function.asynchronous.clone() else {
        // Not Lambda's default of two retries: every function that is invoked asynchronously has settings.
        return log_dropped(&InvokeError::Crashed("no settings for asynchronous invocations".to_owned()));
    };
    let mut wait = FIRST_WAIT;
    for left in (0..=settings.retries).rev() {
        match function.invoke(payload.clone()).await {
            Ok(_) => return,
            Err(error) if left == 0 => {
                return settings.send_to_failure_destination(&function, &payload, &error).await;
            }
            Err(error) => {
                tracing::warn!(%error, tries_left = left, "asynchronous.failed");
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                function.clock.wait_until(function.clock.now_ms().saturating_add(wait_ms)).await;
                wait *= 2;
            }
        }
    }
}

impl AsyncInvokeConfig {
    /// Sends a failed invocation to the failure queue, if there is one, in Lambda's format for destinations.
    async fn send_to_failure_destination(&self, function: &Deployed, payload: &[u8], error: &InvokeError) {
        let Some(queue) = &self.on_failure else { return log_dropped(error) };
        let record = json!({
            "version": "1.0",
            "timestamp": domain::shared::clock::Clock::now(&function.clock),
            "requestContext": {
                "requestId": uuid::Uuid::new_v4().to_string(),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": self.retries + 1,
            },
            "requestPayload": serde_json::from_slice::<Value>(payload).unwrap_or_default(),
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": error.to_json(),
        });
        let sent = self.sqs.send_message().queue_url(queue).message_body(record.to_string());
        if let Err(failure) = sent.send().await {
            tracing::error!(error = %DisplayErrorContext(&failure), "asynchronous.not_handed_over");
            log_dropped(error);
        }
    }
}

fn log_dropped(error: &InvokeError) {
    tracing::error!(%error, "asynchronous.dropped");
}
