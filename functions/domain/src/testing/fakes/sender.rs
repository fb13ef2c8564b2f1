//! A sender that answers from a script and records its requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock::lock;
use crate::delivery::outcome::{Outcome, OutcomeClass};
use crate::delivery::request::{WebhookRequest, WebhookSender};

#[derive(Default)]
struct State {
    script: VecDeque<u16>,
    sent: Vec<WebhookRequest>,
}

/// A sender that answers with the script's status codes, then with 200. The code 0 panics.
#[derive(Clone, Default)]
pub struct ScriptedSender(Arc<Mutex<State>>);

impl ScriptedSender {
    /// Creates a sender that answers with these status codes, in order.
    #[must_use]
    pub fn new(script: &[u16]) -> Self {
        Self(Arc::new(Mutex::new(State { script: script.to_vec().into(), sent: Vec::new() })))
    }

    /// Returns every request that was sent.
    #[must_use]
    pub fn sent(&self) -> Vec<WebhookRequest> {
        lock(&self.0).sent.clone()
    }
}

impl WebhookSender for ScriptedSender {
    async fn send(&self, request: WebhookRequest) -> Outcome {
        let status = {
            let mut state = lock(&self.0);
            state.sent.push(request);
            state.script.pop_front().unwrap_or(200)
        };
        assert_ne!(status, 0, "simulated panic");
        let success = (200..300).contains(&status);
        Outcome {
            class: if success { OutcomeClass::Success } else { OutcomeClass::HttpError },
            http_status: Some(status),
            error: (!success).then(|| format!("The destination answered {status}.")),
            duration: Duration::from_millis(5),
            response: None,
        }
    }
}
