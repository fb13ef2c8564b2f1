//! The platform keeps a conversation's record up to date, and a customer has one forgotten.

use adapters::caller::Caller;
use adapters::dynamodb::{ConversationTables, DeliveryLogTable, ReferenceTable};
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::patch::ConversationPatch;
use domain::lifecycle::forget::Forget;
use domain::lifecycle::update::{Update, UpdateResult};
use domain::shared::ids::ConversationId;
use domain::shared::invalid::Invalid;
use domain::shared::json::JsonObject;
use http::StatusCode;

use crate::steps::Callbacks;

/// Forgetting over the tables.
pub(crate) type Forgetting = Forget<ConversationTables, ReferenceTable, DeliveryLogTable>;

/// `PUT /v1/conversations/{conversation_id}`: a given value replaces, `null` clears, an absent field stays. Callbacks
/// that were here before the conversation are applied to it now.
pub(crate) async fn put(
    update: &Update<ConversationTables>,
    callbacks: &Callbacks,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let id = ConversationId::parse(request.path("conversation_id"))?;
    let account = &caller.account_id;
    let fields: JsonObject = request.json()?;
    if let Some(stated) = fields.optional::<String>("conversation_id", "must be a string")?
        && stated != id.as_str()
    {
        return Err(Invalid::new("conversation_id", "must be the one in the path, or left out").into());
    }
    let change = ConversationPatch::parse(fields)?;
    let mut conversation = match update.run(account, &id, &change).await? {
        UpdateResult::Saved(conversation) => conversation,
        UpdateResult::Refused(invalid) => return Err(invalid.into()),
        UpdateResult::TooLarge => return Err(Problem::too_large()),
    };
    if callbacks.link(account, &id, &change.references, conversation.ended.is_some()).await?
        && let Some(latest) = update.latest(account, &id).await?
    {
        *conversation = latest;
    }
    Ok(Reply::raw_json(StatusCode::OK, conversation.public_json()))
}

/// `DELETE /v1/conversations/{conversation_id}`: nothing of it is kept. Asks for the scope `manage`, because it cannot be
/// undone: a key that sits in the platform's own programs to report conversations must not be able to erase their traces.
pub(crate) async fn delete(forget: &Forgetting, caller: Caller, request: &Request) -> Result<Reply, Problem> {
    // A text that is no id names nothing, as does an id that nobody has.
    let none = || Problem::not_found("conversation");
    let id = ConversationId::parse(request.path("conversation_id")).map_err(|_| none())?;
    if forget.run(&caller.account_id, &id).await? {
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    } else {
        Err(none())
    }
}
