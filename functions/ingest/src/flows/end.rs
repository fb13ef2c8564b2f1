//! Ends a conversation: the step that the platform's flows share.

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use domain::conversation::ended::Ended;
use domain::lifecycle::complete::CompletionResult;
use domain::lifecycle::completion::Completion;
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::steps::{Callbacks, Complete};

/// Ends conversations that the platform reports.
pub(crate) struct EndConversation<'a> {
    pub(crate) complete: &'a Complete,
    pub(crate) callbacks: &'a Callbacks,
}

impl EndConversation<'_> {
    /// Ends the conversation and links it to provider callbacks by the references in its record.
    pub(crate) async fn run(&self, completion: &Completion) -> Result<CompletionResult, Unavailable> {
        let completed = self.complete.run(completion).await?;
        if matches!(completed, CompletionResult::Accepted(_) | CompletionResult::EndedDifferently(_)) {
            let Completion { account_id, conversation_id, stated, .. } = completion;
            self.callbacks.link(account_id, conversation_id, &stated.references, true).await?;
        }
        Ok(completed)
    }

    /// Ends the conversation and answers over HTTP: 202 with the event, also for a repeat; 200 with the first event if
    /// the conversation had already ended differently.
    pub(crate) async fn reply(&self, completion: &Completion) -> Result<Reply, Problem> {
        let (status, ended) = match self.run(completion).await? {
            CompletionResult::Accepted(ended) => (StatusCode::ACCEPTED, ended),
            CompletionResult::EndedDifferently(ended) => (StatusCode::OK, ended),
            CompletionResult::TooLarge => return Err(Problem::too_large()),
            CompletionResult::Refused(invalid) => return Err(invalid.into()),
            CompletionResult::Forgotten(until) => return Err(Problem::gone(until)),
        };
        let Ended { event_id, kind, at, .. } = &ended;
        let body = Accepted {
            event_id: event_id.as_str(),
            event: kind.as_ref(),
            conversation_id: completion.conversation_id.as_str(),
            accepted_at: at.to_string(),
        };
        Ok(Reply::json(status, &body))
    }
}

/// The event as callers see it.
#[derive(Serialize)]
struct Accepted<'a> {
    event_id: &'a str,
    event: &'a str,
    conversation_id: &'a str,
    accepted_at: String,
}
