//! The places that an end is reported from. A flow reads and checks what comes in, states it as a
//! [`Completion`], and [`complete`] does what they all share.

pub(crate) mod hangup;

use adapters::dynamodb::ConversationTables;
use adapters::http::Reply;
use adapters::problem::Problem;
use adapters::sqs::Queue;
use domain::completion::{Complete, Completed, Completion, Ended};
use http::StatusCode;
use serde::Serialize;

/// What a caller reads of the event.
#[derive(Serialize)]
struct Accepted<'a> {
    event_id: &'a str,
    event: &'a str,
    conversation_id: &'a str,
    accepted_at: String,
}

/// Ends the conversation. 202 with the event, for a repeat as well; 200 where it had ended otherwise before, with the
/// event that stands.
async fn complete(
    step: &Complete<ConversationTables, Queue>,
    completion: &Completion,
) -> Result<Reply, Problem> {
    let (status, ended) = match step.run(completion).await? {
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
