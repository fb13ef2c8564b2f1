//! Twilio's status callbacks for calls.
//! <https://www.twilio.com/docs/voice/api/call-resource#statuscallback>

mod callback;
#[cfg(test)]
mod fuzz;
mod signature;

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::ProviderSecret;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::timestamp::Timestamp;

use super::provider::{CallbackFlow, Effect, Failure, log_failure};
use crate::public_url::PublicUrl;

/// `POST` and `GET /v1/flows/twilio/{account_id}`.
pub(crate) async fn run(
    flow: &CallbackFlow<'_>,
    public_url: Option<&PublicUrl>,
    request: &Request,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let Some(public_url) = public_url else {
        let detail = "Twilio's callbacks cannot be verified: the stack's parameter PublicUrl is not set.";
        return Err(Problem::unavailable("not_configured", detail));
    };
    let effect = receive(flow, public_url, request, now).await;
    effect.map(Effect::reply).map_err(|failure| {
        log_failure(Provider::Twilio, request, &failure);
        failure.into()
    })
}

async fn receive(
    flow: &CallbackFlow<'_>,
    public_url: &PublicUrl,
    request: &Request,
    now: Timestamp,
) -> Result<Effect, Failure> {
    let (account, token) = flow.account(Provider::Twilio, request).await?;
    let parameters = verify(public_url, &account, &token, request)?;
    // Twilio signs the URL, so its query can be trusted.
    let conversation = request.query_value("conversation_id").map(ConversationId::parse).transpose()?;
    let callback = callback::read(&parameters, now)?;
    flow.receive(&account, callback.as_ref(), conversation.as_ref()).await
}

/// Verifies the signature, and returns the callback's parameters.
fn verify(
    public_url: &PublicUrl,
    account: &AccountId,
    token: &ProviderSecret,
    request: &Request,
) -> Result<callback::Parameters, Failure> {
    let body = signature::Signed::of(request)?;
    let query = request.raw_query();
    let mark = if query.is_empty() { "" } else { "?" };
    // Not the request's own path, which has another prefix behind a stage.
    let urls = public_url.spellings(&format!("/v1/flows/twilio/{account}{mark}{query}"));
    body.verify(token, &urls, request.header("x-twilio-signature"))?;
    Ok(body.parameters()?)
}
