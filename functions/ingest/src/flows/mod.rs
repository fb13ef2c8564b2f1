//! The places that an end is reported from. A flow reads and checks what comes in.
//!
//! The platform's own ([`hangup`], [`outbound_call`], [`event_bridge`]) state a record as [`Stated`] and end it by
//! [`End::run`]. Providers' callbacks ([`twilio`], [`daily`]) become [`ProviderCallback`](domain::lifecycle::provider_callback::ProviderCallback)s.

pub(crate) mod daily;
pub(crate) mod event_bridge;
#[cfg(test)]
mod fuzz;
pub(crate) mod hangup;
pub(crate) mod outbound_call;
mod provider;
mod stated;
pub(crate) mod twilio;

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use domain::conversation::ended::Ended;
use domain::lifecycle::complete::{Completed, Completion};
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::{Completing, Linking};

pub(crate) use self::provider::{CallbackFlow, Refusal};
pub(crate) use self::stated::Stated;

/// What the platform's flows share.
pub(crate) struct End<'a> {
    pub(crate) complete: &'a Completing,
    pub(crate) callbacks: &'a Linking,
}

impl End<'_> {
    /// Ends the conversation, and lets the callbacks of providers that it names find it.
    pub(crate) async fn run(&self, completion: &Completion) -> Result<Completed, Unavailable> {
        let completed = self.complete.run(completion).await?;
        if completed != Completed::TooLarge {
            let Completion { account_id, conversation_id, stated, .. } = completion;
            self.callbacks.link(account_id, conversation_id, &stated.references, true).await?;
        }
        Ok(completed)
    }

    /// The same over HTTP: 202 with the event, for a repeat as well; 200 where it had ended otherwise before, with the
    /// event that stands.
    pub(crate) async fn reply(&self, completion: &Completion) -> Result<Reply, Problem> {
        let (status, ended) = match self.run(completion).await? {
            Completed::Accepted(ended) => (StatusCode::ACCEPTED, ended),
            Completed::EndedOtherwise(ended) => (StatusCode::OK, ended),
            Completed::TooLarge => return Err(Problem::too_large()),
        };
        let Ended { event_id, kind, at, .. } = &ended;
        let body = Accepted {
            event_id: event_id.as_str(),
            event: kind.as_str(),
            conversation_id: completion.conversation_id.as_str(),
            accepted_at: at.to_string(),
        };
        Ok(Reply::json(status, &body))
    }
}

/// Where JSON stops being what it should be. The parser's own words quote values, which do not belong into a log.
fn unreadable(problem: &str, error: &serde_json::Error) -> String {
    format!("{problem} (line {}, column {})", error.line(), error.column())
}

/// What a caller reads of the event.
#[derive(Serialize)]
struct Accepted<'a> {
    event_id: &'a str,
    event: &'a str,
    conversation_id: &'a str,
    accepted_at: String,
}
