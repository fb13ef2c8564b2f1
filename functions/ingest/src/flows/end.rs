//! What the platform's flows share: ending a conversation.

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use domain::conversation::ended::Ended;
use domain::lifecycle::complete::{Completion, CompletionResult};
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::steps::{Callbacks, Complete};

/// What the platform's flows share.
pub(crate) struct EndConversation<'a> {
    pub(crate) complete: &'a Complete,
    pub(crate) callbacks: &'a Callbacks,
}

impl EndConversation<'_> {
    /// Ends the conversation, and lets the callbacks of providers that it names find it.
    pub(crate) async fn run(&self, completion: &Completion) -> Result<CompletionResult, Unavailable> {
        let completed = self.complete.run(completion).await?;
        if completed != CompletionResult::TooLarge {
            let Completion { account_id, conversation_id, stated, .. } = completion;
            self.callbacks.link(account_id, conversation_id, &stated.references, true).await?;
        }
        Ok(completed)
    }

    /// The same over HTTP: 202 with the event, for a repeat as well; 200 where it had ended otherwise before, with the
    /// event that stands.
    pub(crate) async fn reply(&self, completion: &Completion) -> Result<Reply, Problem> {
        let (status, ended) = match self.run(completion).await? {
            CompletionResult::Accepted(ended) => (StatusCode::ACCEPTED, ended),
            CompletionResult::EndedDifferently(ended) => (StatusCode::OK, ended),
            CompletionResult::TooLarge => return Err(Problem::too_large()),
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

/// What a caller reads of the event.
#[derive(Serialize)]
struct Accepted<'a> {
    event_id: &'a str,
    event: &'a str,
    conversation_id: &'a str,
    accepted_at: String,
}
