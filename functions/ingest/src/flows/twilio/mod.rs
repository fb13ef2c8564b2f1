//! Twilio's status callbacks for calls.
//! <https://www.twilio.com/docs/voice/api/call-resource#statuscallback>

pub(in crate::flows) mod callback;
#[cfg(test)]
mod fuzz;
mod signature;

use std::borrow::Cow;

use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::public_url::PublicUrl;
use domain::conversation::provider::Provider;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::invalid::Invalid;
use domain::shared::timestamp::Timestamp;

use super::provider::{CallbackFlow, Effect, Failure, Refusal, log_failure};

/// `POST` and `GET /v1/flows/twilio/{account_id}`.
pub(crate) async fn run(
    flow: &CallbackFlow<'_>,
    public_url: Option<&PublicUrl>,
    request: &Request,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let Some(public_url) = public_url else {
        log_failure(Provider::Twilio, request, &Refusal::NoPublicUrl.into());
        let detail = "Twilio's callbacks cannot be verified: the stack's parameter PublicUrl is not set.";
        return Err(Problem::unavailable(Code::NotConfigured, detail));
    };
    let effect = receive(flow, public_url, request, now).await;
    effect.map(Effect::reply).map_err(|failure| {
        let failure = match failure {
            // Twilio has signed the URL of a tunnel or a proxy, which we are not told.
            Failure::Refused(Refusal::WrongSignature) if public_url.is_of_this_machine() => {
                Refusal::NoPublicUrl.into()
            }
            other => other,
        };
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
    // Twilio signs the URL, so its query can be trusted. Checked first, since a URL that is not ASCII is signed in another
    // spelling than it arrives in.
    let conversation = conversation_of(request)?;
    let parameters = verify(public_url, &account, token.reveal(), request)?;
    let mut callback = callback::read(&parameters, now)?;
    if let Some(leg) = callback.as_ref().filter(|_| parameters.is_of_a_leg())
        && !flow.is_linked(&account, leg).await?
    {
        callback = None;
    }
    flow.receive(&account, callback.as_ref(), conversation.as_ref()).await
}

/// The conversation that the callback's URL names.
fn conversation_of(request: &Request) -> Result<Option<ConversationId>, Invalid> {
    const NAME: &str = "conversation_id";
    let mut after = request.query().iter().skip_while(|(name, _)| name != NAME);
    let Some((_, id)) = after.next() else { return Ok(None) };
    // Of a GET, Twilio's own parameters follow. Others are the rest of an id that has a `&` in it.
    let is_get = request.route().starts_with("GET ");
    let is_id_cut = is_get && after_id(request.raw_query(), NAME).any(|pair| !is_twilios(pair));
    if is_id_cut || after.any(|(name, _)| name == NAME) {
        return Err(Invalid::new(
            NAME,
            "must be given once, as the last parameter before Twilio's, without & or =",
        ));
    }
    ConversationId::parse(id.as_str()).map(Some)
}

/// The parameters of a query that follow the first of this name, as they are written.
fn after_id<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    query.split('&').filter(|pair| !pair.is_empty()).skip_while(move |pair| name_of(pair) != name).skip(1)
}

fn name_of(pair: &str) -> Cow<'_, str> {
    form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name).unwrap_or_default()
}

/// Whether a parameter of a GET is one of Twilio's: `CallSid=…`, `To=…`, `SipHeader_…=…`. By its form, since Twilio adds
/// parameters without notice.
fn is_twilios(pair: &str) -> bool {
    let name = name_of(pair);
    let word = name.strip_prefix("SipHeader_").map_or(&*name, |_| "SipHeader");
    let is_word = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    pair.contains('=')
        && is_word
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
}

/// Verifies the signature, and returns the callback's parameters.
fn verify(
    public_url: &PublicUrl,
    account: &AccountId,
    token: &str,
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

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use domain::testing::fakes::corpus;

    use super::*;

    fn conversation(method: &str, query: &str) -> Result<Option<String>, Invalid> {
        let mut event = ApiGatewayV2httpRequest::default();
        event.route_key = Some(format!("{method} /v1/flows/twilio/{{account_id}}"));
        event.raw_query_string = Some(query.to_owned());
        let id = conversation_of(&Request::read(event).unwrap())?;
        Ok(id.map(|id| id.as_str().to_owned()))
    }

    #[test]
    fn the_url_of_a_get_names_a_conversation_and_nothing_else() {
        for [query, expected] in corpus::<2>("inbound/twilio-urls") {
            let [query, expected] = [query, expected].map(|column| String::from_utf8(column).unwrap());
            let named = match conversation("GET", &query) {
                Ok(id) => id.unwrap_or_else(|| "none".to_owned()),
                Err(invalid) => {
                    assert_eq!(invalid.field, "conversation_id", "{query}");
                    "refused".to_owned()
                }
            };
            assert_eq!(named, expected, "{query}");
        }
    }

    /// Whatever Twilio signs of such a URL, the reason is the id.
    #[test]
    fn an_id_that_is_not_ascii_is_named() {
        for id in ["%C3%A4", "\u{e4}", "c-%F0%9F%98%80", "c-\u{1f600}", "%ED%A0%BD", "%FF", "c%201", "c+1"] {
            for method in ["GET", "POST"] {
                let refused = conversation(method, &format!("conversation_id={id}")).unwrap_err();
                let rule = "conversation_id must be 1 to 128 ASCII letters, digits";
                assert!(refused.to_string().starts_with(rule), "{method} {id}: {refused}");
            }
        }
    }
}
