//! Routes that update a conversation's record and delete a conversation.

use adapters::caller::Caller;
use adapters::dynamodb::{ConversationTable, EventTable, ReferenceTable};
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::patch::ConversationPatch;
use domain::lifecycle::forget::Forget;
use domain::lifecycle::update::{Update, UpdateResult};
use domain::shared::ids::ConversationId;
use domain::shared::invalid::{Invalid, both};
use domain::shared::json::JsonObject;
use http::StatusCode;

use crate::steps::Callbacks;

/// Deletes conversations from the DynamoDB tables.
pub(crate) type ForgetConversation = Forget<ConversationTable, ReferenceTable, EventTable>;

/// `PUT /v1/conversations/{conversation_id}`: a value replaces a field, `null` clears it, an absent field is unchanged.
/// Then applies the callbacks that arrived before the conversation.
pub(crate) async fn put(
    update: &Update<ConversationTable>,
    callbacks: &Callbacks,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let id = ConversationId::parse(request.path("conversation_id"))?;
    let account = &caller.account_id;
    let fields: JsonObject = request.json()?;
    let stated = match fields.optional::<String>("conversation_id", "must be a string") {
        Ok(Some(stated)) if stated != id.as_str() => {
            Err(Invalid::new("conversation_id", "must match the one in the path, or be left out"))
        }
        other => other,
    };
    let (_, change) = both(stated, ConversationPatch::parse(fields))?;
    let mut conversation = match update.run(account, &id, &change).await? {
        UpdateResult::Saved(conversation) => conversation,
        UpdateResult::Refused(invalid) => return Err(invalid.into()),
        UpdateResult::TooLarge => return Err(Problem::too_large()),
        UpdateResult::Forgotten(until) => return Err(Problem::gone(until)),
    };
    if callbacks.link(account, &id, &change.references, conversation.ended.is_some()).await?
        && let Some(latest) = update.latest(account, &id).await?
    {
        *conversation = latest;
    }
    Ok(Reply::raw_json(StatusCode::OK, conversation.public_json()))
}

/// `DELETE /v1/conversations/{conversation_id}`: deletes all data of a conversation. Requires the scope `manage`, as it
/// cannot be undone: a key with which the platform's programs report conversations must not be able to erase them.
pub(crate) async fn delete(
    forget: &ForgetConversation,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    // A malformed id gets the same answer as an unknown one.
    let none = || Problem::not_found("conversation");
    let id = ConversationId::parse(request.path("conversation_id")).map_err(|_| none())?;
    if forget.run(&caller.account_id, &id).await? {
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    } else {
        Err(none())
    }
}
