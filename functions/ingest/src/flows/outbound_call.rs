//! The platform's dialer reports that an outbound call is over, answered or not.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::event::kind::EventKind;
use domain::lifecycle::completion::Completion;
use domain::shared::ids::AccountId;
use domain::shared::invalid::{Invalid, both};
use domain::shared::json::JsonObject;

use super::end::EndConversation;
use super::stated::Stated;

pub(crate) async fn run(
    step: &EndConversation<'_>,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    step.reply(&parse(caller.account_id, request.json()?)?).await
}

/// Parses the record's fields and `answered`. A given `conversation_status` decides; without one, an unanswered call is
/// disconnected.
pub(super) fn parse(account_id: AccountId, mut fields: JsonObject) -> Result<Completion, Invalid> {
    let answered = fields.take::<Option<bool>>("answered", "must be true or false").map(Option::flatten);
    let kind = match &answered {
        Ok(Some(true)) => Ok(EventKind::Completed),
        Ok(Some(false)) => Ok(EventKind::Disconnected),
        Ok(None) => Err(Invalid::new("answered", "must be given unless conversation_status is")),
        Err(invalid) => Err(invalid.clone()),
    };
    let (stated, _) = both(Stated::parse_or(kind, fields), answered)?;
    let known = ConversationFields { calling_type: Some("OUTBOUND".into()), ..ConversationFields::default() };
    Ok(stated.completion(account_id, CompletionFlow::OutboundCall, known))
}

#[cfg(test)]
mod tests;
