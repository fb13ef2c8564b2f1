//! Standard hangup handling: the platform reports the conversation's final record.

use adapters::caller::Caller;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;

use super::end::EndConversation;
use super::stated::Stated;

pub(crate) async fn run(
    step: &EndConversation<'_>,
    caller: Caller,
    request: &Request,
) -> Result<Reply, Problem> {
    let stated = Stated::parse(request.json()?)?;
    let known = ConversationFields::default();
    step.reply(&stated.completion(caller.account_id, CompletionFlow::Hangup, known)).await
}
