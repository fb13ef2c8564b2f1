//! Routes for the secrets that providers sign their callbacks with. A secret is never shown again.

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::ProviderSecret;
use domain::conversation::provider_secret::ProviderSecretStore;
use domain::shared::ids::AccountId;
use domain::shared::invalid::both;
use domain::shared::timestamp::Timestamp;
use domain::shared::unavailable::Result;
use http::StatusCode;
use serde::Serialize;

use crate::Manage;

/// A provider whose callbacks an account accepts.
#[derive(Serialize)]
pub(crate) struct ProviderView {
    provider: Provider,
    /// Where the provider must send its callbacks, relative to the API's URL.
    callback_path: String,
    /// The same as a whole, if the API's public URL is configured.
    callback_url: Option<String>,
    updated_at: Timestamp,
    /// Why callbacks will be refused, although the secret is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// Twilio signs the URL that it calls.
const NO_PUBLIC_URL: &str = "Twilio's callbacks will be refused: set the stack's parameter PublicUrl to the URL at which \
                             Twilio reaches this API. It is not set, or leads to the machine itself.";

#[derive(Serialize)]
struct ProviderList {
    providers: Vec<ProviderView>,
}

impl Manage {
    fn provider_view(&self, account: &AccountId, provider: Provider, updated_at: Timestamp) -> ProviderView {
        let callback_path = format!("/v1/flows/{}/{account}", provider.as_ref());
        let is_reachable = self.public_url.as_ref().is_some_and(|url| !url.is_of_this_machine());
        ProviderView {
            provider,
            callback_url: self.public_url.as_ref().map(|url| url.join(&callback_path)),
            callback_path,
            updated_at,
            warning: (provider == Provider::Twilio && !is_reachable).then_some(NO_PUBLIC_URL),
        }
    }

    pub(crate) async fn list_providers(&self, account: &AccountId) -> Result<Reply, Problem> {
        let providers = self.providers.list(account).await?;
        let view = |(provider, since)| self.provider_view(account, provider, since);
        let providers = providers.into_iter().map(view).collect();
        Ok(Reply::json(StatusCode::OK, &ProviderList { providers }))
    }

    pub(crate) async fn set_provider(
        &self,
        account: &AccountId,
        request: &Request,
    ) -> Result<Reply, Problem> {
        let provider = provider_of(request)?;
        let fields: domain::shared::json::JsonObject = request.json()?;
        let secret = fields.required::<String>("secret", "must be a string");
        let secret = secret.and_then(|secret| ProviderSecret::parse(provider, secret));
        let (secret, ()) = both(secret, fields.allow_only(&["secret"]))?;
        Ok(Reply::json(StatusCode::OK, &self.keep_provider_secret(account, provider, &secret).await?))
    }

    pub(crate) async fn delete_provider(
        &self,
        account: &AccountId,
        request: &Request,
    ) -> Result<Reply, Problem> {
        if self.providers.delete(account, provider_of(request)?).await? {
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        } else {
            Err(not_found())
        }
    }

    pub(crate) async fn keep_provider_secret(
        &self,
        account: &AccountId,
        provider: Provider,
        secret: &ProviderSecret,
    ) -> Result<ProviderView> {
        let now = self.clock.now();
        self.providers.put(account, provider, secret, now).await?;
        Ok(self.provider_view(account, provider, now))
    }
}

fn provider_of(request: &Request) -> Result<Provider, Problem> {
    request.path("provider").parse().map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::not_found("provider")
}
