//! Standard hangup handling: the platform states the conversation's final record.

use adapters::caller::Caller;
use adapters::dynamodb::ConversationTables;
use adapters::http::{Reply, Request};
use adapters::problem::Problem;
use adapters::sqs::Queue;
use domain::completion::{Complete, Completion, CompletionFlow};
use domain::conversation::Details;
use domain::ids::ConversationId;
use domain::invalid::Invalid;
use domain::json::Fields;

pub(crate) async fn run(
    step: &Complete<ConversationTables, Queue>,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    super::complete(step, &parse(caller, request.json()?)?).await
}

/// The record's fields, of which `conversation_id` and a terminal `conversation_status` have to be there.
fn parse(caller: Caller, fields: Fields) -> Result<Completion, Invalid> {
    let conversation_id: String = fields.required("conversation_id", "must be a string")?;
    let details = Details::parse(fields)?;
    let kind =
        details.status().and_then(domain::conversation::ConversationStatus::event).ok_or_else(|| {
            Invalid::new("conversation_status", "must be COMPLETED, DISCONNECTED or FAILED for a hangup")
        })?;
    Ok(Completion {
        account_id: caller.account_id,
        conversation_id: ConversationId::parse(conversation_id)?,
        flow: CompletionFlow::Hangup,
        kind,
        details,
    })
}
