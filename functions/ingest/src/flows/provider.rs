//! What all provider callbacks share: the account and its secret, failures, and the answer.

use adapters::dynamodb::{AccountTable, ProviderTable};
use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use adapters::vault::kms::KmsDecryptor;
use domain::account::store::{AccountState, Accounts};
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

/// Why a callback is not trusted. Its sender gets the same answer for every reason; the log names the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    /// The account id in the path is malformed.
    NoAccount,
    /// The account is suspended.
    Suspended,
    /// The account has no secret for this provider.
    NoSecret,
    /// A header of the signature is missing.
    NoSignature,
    /// The signature does not match this URL and body.
    WrongSignature,
    /// The URL that the provider calls, and signs, is not configured.
    NoPublicUrl,
    /// The timestamp is unreadable or too far from our clock: a replay.
    OldTimestamp,
    /// The signature does not cover the body.
    UnsignedBody,
}

/// Why a callback has no effect.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The callback is not genuine.
    Refused(Refusal),
    /// The callback cannot be parsed.
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
                let detail = "The signature does not match this URL, this body and the secret that the account has set \
                              for this provider.";
                Self::new(Code::BadSignature, detail)
            }
        }
    }
}

/// The result of a callback. It is the answer, which the provider's debugger shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Applied to its conversation.
    Applied,
    /// Waiting for its conversation.
    Parked,
    /// Not relevant to any conversation.
    Ignored,
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

/// Dependencies of the provider flows.
pub(crate) struct CallbackFlow<'a> {
    pub(crate) callbacks: &'a Callbacks,
    pub(crate) accounts: &'a AccountTable,
    pub(crate) secrets: &'a ProviderTable<KmsDecryptor>,
}

impl CallbackFlow<'_> {
    /// The account in the path, and the secret that `provider` signs its callbacks with.
    pub(crate) async fn account(
        &self,
        provider: Provider,
        request: &Request,
    ) -> Result<(AccountId, ProviderSecret), Failure> {
        let account = AccountId::parse(request.path("account_id")).map_err(|_| Refusal::NoAccount)?;
        let (stored, secret) =
            tokio::try_join!(self.accounts.account(&account), self.secrets.get(&account, provider))?;
        if stored.is_some_and(|stored| stored.state != AccountState::Active) {
            return Err(Refusal::Suspended.into());
        }
        Ok((account, secret.ok_or(Refusal::NoSecret)?))
    }

    /// Whether a conversation has named the callback's reference.
    pub(crate) async fn is_linked(
        &self,
        account: &AccountId,
        callback: &ProviderCallback,
    ) -> Result<bool, Failure> {
        Ok(self.callbacks.is_linked(account, &callback.reference).await?)
    }

    /// Applies a genuine callback to its conversation, or stores it until there is one.
    pub(crate) async fn receive(
        &self,
        account: &AccountId,
        callback: Option<&ProviderCallback>,
        conversation: Option<&ConversationId>,
    ) -> Result<Effect, Failure> {
        let Some(callback) = callback else { return Ok(Effect::Ignored) };
        match self.callbacks.receive(account, callback, conversation).await? {
            CallbackResult::Applied => Ok(Effect::Applied),
            CallbackResult::Parked => Ok(Effect::Parked),
            CallbackResult::Forgotten => Ok(Effect::Ignored),
            CallbackResult::Refused(invalid) => Err(invalid.into()),
        }
    }
}

/// Logs a callback that had no effect. The account is taken from the path; nothing else of the request is logged.
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
            error.log();
        }
    }
}
