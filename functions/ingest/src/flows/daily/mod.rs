//! Daily's webhooks. One webhook serves a whole domain, and three failures in a row disable it: so the answer is always
//! 200, unless the request is not from Daily.
//! <https://docs.daily.co/reference/rest-api/webhooks>

pub(in crate::flows) mod callback;
#[cfg(test)]
mod fuzz;
mod moment;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use adapters::deadline::{self, RESERVE};
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::provider::Provider;
use domain::shared::clock::Clock;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Unavailable;

use super::provider::{CallbackFlow, Effect, Failure, log_failure};

/// Time within which a webhook is answered, even if a call of ours hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// Time within which calls of ours are tried again, so that the last one can end before the answer.
const TRIES: Duration = Duration::from_secs(3);

/// `POST /v1/flows/daily/{account_id}`.
pub(crate) async fn run(
    flow: &CallbackFlow<'_>,
    request: &Request,
    clock: &Arc<dyn Clock>,
) -> Result<Reply, Problem> {
    if callback::is_probe(request.body()) {
        return Ok(Effect::Ignored.reply());
    }
    let now = clock.now();
    let receive = deadline::until(now + TRIES + RESERVE, clock, receive(flow, request, now));
    let received = tokio::time::timeout(ANSWER_TIMEOUT, receive).await;
    match received.unwrap_or_else(|_| Err(Unavailable::new("receive a callback", "timed out").into())) {
        Ok(effect) => Ok(effect.reply()),
        Err(failure) => {
            log_failure(Provider::Daily, request, &failure);
            match failure {
                Failure::Refused(_) => Err(failure.into()),
                Failure::Invalid(_) | Failure::Unavailable(_) => Ok(Effect::Ignored.reply()),
            }
        }
    }
}

async fn receive(flow: &CallbackFlow<'_>, request: &Request, now: Timestamp) -> Result<Effect, Failure> {
    let (account, secret) = flow.account(Provider::Daily, request).await?;
    let signature = request.header("x-webhook-signature");
    signature::verify(
        secret.reveal(),
        request.header("x-webhook-timestamp"),
        signature,
        request.body(),
        now,
    )?;
    // The URL is not signed, so a conversation id in it is not trusted.
    flow.receive(&account, callback::read(request.body(), now)?.as_ref(), None).await
}
