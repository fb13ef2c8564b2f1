//! Plays Twilio and Daily: sets the account's secret for them if it has none, and signs with it.

use std::collections::BTreeSet;

use adapters::function::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::conversation::provider::Provider;
use domain::shared::timestamp::Timestamp;
use reqwest::Method;
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256};
use serde_json::{Value, json};

use super::api::{Api, Refused};
use super::samples::{Body, Request};

/// A provider that signs its callbacks to one account.
pub(crate) struct Callbacks {
    provider: Provider,
    secret: String,
    /// Relative to the API's URL.
    path: String,
    /// The URL that the provider knows, which Twilio signs.
    url: String,
}

impl Callbacks {
    /// Finds where the callbacks go. An account without a secret for the provider gets this one; without `secret`, it is
    /// one that follows from the key, so that the next `send` has it, too.
    pub(crate) async fn of(provider: Provider, secret: Option<&str>, api: &Api) -> Result<Self, Error> {
        let name = provider.as_ref();
        let secret = secret.map_or_else(|| sign(HMAC_SHA256, api.key.as_bytes(), name), ToOwned::to_owned);
        let list = api.get("/v1/providers").await?;
        let known = list["providers"].as_array().into_iter().flatten().find(|one| one["provider"] == name);
        let view = match known {
            Some(view) => view.clone(),
            None => api.put(&format!("/v1/providers/{name}"), &json!({"secret": secret})).await?,
        };
        let text = |field: &str| view[field].as_str().unwrap_or_default().to_owned();
        Ok(Self { provider, secret, path: text("callback_path"), url: text("callback_url") })
    }

    /// Sends a callback.
    pub(crate) async fn send(&self, callback: &Request, now: Timestamp, api: &Api) -> Result<Value, Error> {
        let mark = if callback.query.is_empty() { "" } else { "?" };
        let query = format!("{mark}{}", callback.query);
        let body = callback.body.text();
        let request = api.request(Method::POST, &format!("{}{query}", self.path));
        let request = match self.provider {
            Provider::Twilio => {
                let signed = format!("{}{query}{}", self.url, parameters(&callback.body));
                let signature = sign(HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.secret.as_bytes(), &signed);
                request.header("x-twilio-signature", signature)
            }
            Provider::Daily => {
                let timestamp = now.as_secs().to_string();
                let secret = STANDARD.decode(&self.secret).map_err(|_| "Daily's --secret must be base64")?;
                let signature = sign(HMAC_SHA256, &secret, &format!("{timestamp}.{body}"));
                request.header("x-webhook-timestamp", timestamp).header("x-webhook-signature", signature)
            }
        };
        let request = request.header("content-type", &callback.content_type).body(body);
        api.answer(request).await.map_err(|error| self.explain(error))
    }

    /// Says which secret is missing.
    fn explain(&self, error: Error) -> Error {
        let name = self.provider.as_ref();
        if error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == "bad_signature") {
            return format!("the account has another secret for {name}: give it with --secret").into();
        }
        error
    }
}

/// Names and values of a form as Twilio signs them: in the order of their names.
fn parameters(body: &Body) -> String {
    let Body::Form(pairs) = body else { return String::new() };
    let sorted: BTreeSet<_> = pairs.iter().collect();
    sorted.into_iter().flat_map(|(name, value)| [name.as_str(), value]).collect()
}

fn sign(algorithm: hmac::Algorithm, secret: &[u8], text: &str) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(algorithm, secret), text.as_bytes()))
}
