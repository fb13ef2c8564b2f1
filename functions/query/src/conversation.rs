//! Route for the latest full record of one conversation.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::store::ConversationLookup;
use domain::shared::ids::ConversationId;
use http::StatusCode;

/// `GET /v1/public/conversations/{conversation_id}`.
pub(crate) async fn show(
    conversations: &impl ConversationLookup,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    // A malformed id gets the same answer as an unknown one.
    let none = || Problem::not_found("conversation");
    let id = ConversationId::parse(request.path("conversation_id")).map_err(|_| none())?;
    let conversation = conversations.load(&caller.account_id, &id).await?.kept().ok_or_else(none)?;
    Ok(Reply::raw_json(StatusCode::OK, conversation.public_json()))
}
