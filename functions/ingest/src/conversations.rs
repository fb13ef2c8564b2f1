//! The platform keeps a conversation's record up to date.

use adapters::caller::Caller;
use adapters::dynamodb::ConversationTables;
use adapters::http::{Reply, Request};
use adapters::problem::Problem;
use domain::conversation::Details;
use domain::ids::ConversationId;
use domain::invalid::Invalid;
use domain::json::Fields;
use domain::update::{Update, Updated};
use http::StatusCode;

/// `PUT /v1/conversations/{conversation_id}`: a given value replaces, `null` clears, an absent field stays.
pub(crate) async fn put(
    update: &Update<ConversationTables>,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let id = ConversationId::parse(request.path("conversation_id"))?;
    let fields: Fields = request.json()?;
    if let Some(stated) = fields.optional::<String>("conversation_id", "must be a string")?
        && stated != id.as_str()
    {
        return Err(Invalid::new("conversation_id", "must be the one in the path, or left out").into());
    }
    match update.run(&caller.account_id, &id, &Details::parse(fields)?).await? {
        Updated::Saved(conversation) => Ok(Reply::raw_json(StatusCode::OK, conversation.public_json())),
        Updated::Refused(invalid) => Err(invalid.into()),
        Updated::TooLarge => Err(Problem::too_large()),
    }
}
