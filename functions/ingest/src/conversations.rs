//! The platform keeps a conversation's record up to date.

use adapters::caller::Caller;
use adapters::dynamodb::ConversationTables;
use adapters::http::{Reply, Request};
use adapters::problem::Problem;
use domain::change::Change;
use domain::ids::ConversationId;
use domain::invalid::Invalid;
use domain::json::Fields;
use domain::update::{Update, Updated};
use http::StatusCode;

use crate::Linking;

/// `PUT /v1/conversations/{conversation_id}`: a given value replaces, `null` clears, an absent field stays. Callbacks
/// that were here before the conversation are applied to it now.
pub(crate) async fn put(
    update: &Update<ConversationTables>,
    callbacks: &Linking,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let id = ConversationId::parse(request.path("conversation_id"))?;
    let account = &caller.account_id;
    let fields: Fields = request.json()?;
    if let Some(stated) = fields.optional::<String>("conversation_id", "must be a string")?
        && stated != id.as_str()
    {
        return Err(Invalid::new("conversation_id", "must be the one in the path, or left out").into());
    }
    let change = Change::parse(fields)?;
    let mut conversation = match update.run(account, &id, &change).await? {
        Updated::Saved(conversation) => conversation,
        Updated::Refused(invalid) => return Err(invalid.into()),
        Updated::TooLarge => return Err(Problem::too_large()),
    };
    if callbacks.link(account, &id, &change.references, conversation.ended.is_some()).await?
        && let Some(latest) = update.latest(account, &id).await?
    {
        *conversation = latest;
    }
    Ok(Reply::raw_json(StatusCode::OK, conversation.public_json()))
}
