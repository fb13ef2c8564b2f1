//! What the callbacks of providers share: whose they are, whether they are genuine, and what becomes of them.

use adapters::dynamodb::ProviderTable;
use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::vault::kms::KmsDecryptor;
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::ProviderSecret;
use domain::conversation::provider_secret::ProviderSecrets;
use domain::lifecycle::callback::CallbackResult;
use domain::lifecycle::provider_callback::ProviderCallback;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::invalid::Invalid;
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::Serialize;

use crate::steps::Callbacks;

/// Why a callback is not believed. Its sender gets one answer for all of them; the log says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    /// The path names no account that could have a secret.
    NoAccount,
    /// The account has set no secret for this provider.
    NoSecret,
    /// A header of the signature is missing.
    NoSignature,
    /// The signature is not over this URL and body.
    WrongSignature,
    /// It was signed long ago: a copy, sent again.
    OldTimestamp,
    /// Nothing that is signed covers the body.
    UnsignedBody,
}

/// Why a callback has no effect.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is not genuine.
    Refused(Refusal),
    /// It is genuine and cannot be read.
    Invalid(Invalid),
    /// Our infrastructure failed.
    Unavailable(Unavailable),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(invalid) => invalid.into(),
            Failure::Unavailable(error) => error.into(),
            Failure::Refused(_) => {
                let detail = "This callback is not signed with the secret that the account has set for this provider, \
                              or not for this URL and body.";
                Self::new(StatusCode::FORBIDDEN, "bad_signature", detail)
            }
        }
    }
}

/// What a provider reads of its callback, and a person in the provider's debugger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// The conversation knows.
    Applied,
    /// It waits for its conversation.
    Parked,
    /// It says nothing that matters here.
    Ignored,
}

impl From<CallbackResult> for Effect {
    fn from(taken: CallbackResult) -> Self {
        match taken {
            CallbackResult::Applied => Self::Applied,
            CallbackResult::Parked => Self::Parked,
        }
    }
}

impl Effect {
    pub(crate) fn reply(self) -> Reply {
        #[derive(Serialize)]
        struct Body {
            result: Effect,
        }
        Reply::json(StatusCode::OK, &Body { result: self })
    }
}

/// What the flows of providers work with.
pub(crate) struct CallbackFlow<'a> {
    pub(crate) callbacks: &'a Callbacks,
    pub(crate) secrets: &'a ProviderTable<KmsDecryptor>,
}

impl CallbackFlow<'_> {
    /// The account in the path, and what its callbacks are signed with.
    pub(crate) async fn account(
        &self,
        provider: Provider,
        request: &Request,
    ) -> Result<(AccountId, ProviderSecret), Failure> {
        let account = AccountId::parse(request.path("account_id")).map_err(|_| Refusal::NoAccount)?;
        let secret = self.secrets.get(&account, provider).await?.ok_or(Refusal::NoSecret)?;
        Ok((account, secret))
    }

    /// Takes a genuine callback to its conversation.
    pub(crate) async fn receive(
        &self,
        account: &AccountId,
        callback: Option<&ProviderCallback>,
        names: Option<&ConversationId>,
    ) -> Result<Effect, Failure> {
        let Some(callback) = callback else { return Ok(Effect::Ignored) };
        Ok(self.callbacks.receive(account, callback, names).await?.into())
    }
}

/// One line for a callback that had no effect. The account is what the path says, so nothing else of the request is shown.
pub(crate) fn log_failure(provider: Provider, request: &Request, failure: &Failure) {
    let account = AccountId::parse(request.path("account_id")).ok();
    let account = account.as_ref().map(tracing::field::display);
    let provider = provider.as_ref();
    match failure {
        Failure::Refused(reason) => {
            tracing::warn!(account_id = account, provider, ?reason, "callback.refused");
        }
        Failure::Invalid(invalid) => {
            tracing::warn!(account_id = account, provider, %invalid, "callback.unreadable");
        }
        Failure::Unavailable(error) => {
            tracing::error!(account_id = account, provider, %error, "callback.lost");
            adapters::telemetry::log_unavailable(error);
        }
    }
}
