//! Routes for the secrets that providers sign their callbacks with. A secret is never shown again.

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::conversation::provider::Provider;
use domain::conversation::provider_secret::ProviderSecret;
use domain::conversation::provider_secret::ProviderSecretStore;
use domain::shared::ids::AccountId;
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
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct ProviderList {
    providers: Vec<ProviderView>,
}

impl ProviderView {
    fn new(account: &AccountId, (provider, updated_at): (Provider, Timestamp)) -> Self {
        let callback_path = format!("/v1/flows/{}/{account}", provider.as_ref());
        Self { provider, callback_path, updated_at }
    }
}

impl Manage {
    pub(crate) async fn list_providers(&self, account: &AccountId) -> Result<Reply, Problem> {
        let providers = self.providers.list(account).await?;
        let providers = providers.into_iter().map(|provider| ProviderView::new(account, provider)).collect();
        Ok(Reply::json(StatusCode::OK, &ProviderList { providers }))
    }

    pub(crate) async fn set_provider(
        &self,
        account: &AccountId,
        request: &Request,
    ) -> Result<Reply, Problem> {
        let provider = provider_of(request)?;
        let fields: domain::shared::json::JsonObject = request.json()?;
        fields.allow_only(&["secret"])?;
        let secret: String = fields.required("secret", "must be a string")?;
        let secret = ProviderSecret::parse(provider, secret)?;
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
        Ok(ProviderView::new(account, (provider, now)))
    }
}

fn provider_of(request: &Request) -> Result<Provider, Problem> {
    request.path("provider").parse().map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::not_found("provider")
}
